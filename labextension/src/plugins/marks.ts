import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, IMloNotebooks, SETTINGS } from '../tokens';
import { CellMarks } from '../widgets/marks';

/** Marks at code cells. */
export const marks: JupyterFrontEndPlugin<void> = {
  id: SETTINGS,
  description: 'Shows at each code cell who executed it.',
  autoStart: true,
  requires: [IMloNotebooks],
  optional: [ITranslator, ISettingRegistry, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    notebooks: IMloNotebooks,
    translator: ITranslator | null,
    registry: ISettingRegistry | null,
    palette: ICommandPalette | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    let settings: ISettingRegistry.ISettings | null = null;
    const shown = (): boolean => settings?.get('marks').composite !== false;
    const all = new Set<CellMarks>();
    const follow = (): void => {
      for (const each of all) {
        each.shown = shown();
      }
      app.commands.notifyCommandChanged(CommandIDs.toggleMarks);
    };

    notebooks.opened.connect((_, open) => {
      const each = new CellMarks(open, trans);
      each.shown = shown();
      all.add(each);
      open.panel.disposed.connect(() => {
        all.delete(each);
        each.dispose();
      });
    });
    registry
      ?.load(SETTINGS)
      .then(loaded => {
        settings = loaded;
        loaded.changed.connect(follow);
        follow();
      })
      .catch((reason: unknown) => {
        console.warn('jupyter-mlo: no settings; the defaults hold', reason);
      });

    app.commands.addCommand(CommandIDs.toggleMarks, {
      label: trans.__('Show Who Executed Each Cell'),
      describedBy: { args: { type: 'object', properties: {} } },
      isToggled: shown,
      execute: () => settings?.set('marks', !shown())
    });
    palette?.addItem({ command: CommandIDs.toggleMarks, category: 'MLO' });
  }
};
