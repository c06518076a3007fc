import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, IMloModel, IMloNotebooks, SETTINGS } from '../tokens';
import { sealIcon } from '../icon';
import { View } from '../view';
import { MloPanel } from '../widgets/panel';

/** The side panel, and the commands that open it. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlo:panel',
  description: 'The side panel that asks who you are.',
  autoStart: true,
  requires: [IMloModel],
  optional: [IMloNotebooks, ITranslator, ISettingRegistry, ILayoutRestorer, ILabShell],
  activate: async (
    app: JupyterFrontEnd,
    model: IMloModel,
    notebooks: IMloNotebooks | null,
    translator: ITranslator | null,
    registry: ISettingRegistry | null,
    restorer: ILayoutRestorer | null,
    labShell: ILabShell | null
  ): Promise<void> => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const view = new View();
    const widget = new MloPanel({
      ...{ model, notebooks, view },
      translator: translator ?? nullTranslator,
      onSeal: () => void app.commands.execute(CommandIDs.seal)
    });
    restorer?.add(widget, widget.id);
    const side = await sideOf(registry);
    app.shell.add(widget, side, { rank: 900, type: 'MLO' });

    const open = (): void => {
      // Notebook 7 shows a side only when told to.
      if (!labShell && side === 'left') {
        void app.commands.execute('application:toggle-panel', {
          side: 'left',
          id: widget.id,
          title: 'MLO'
        });
      }
      app.shell.activateById(widget.id);
    };
    app.commands.addCommand(CommandIDs.open, {
      label: trans.__('Show Who You Are (MLO)'),
      caption: trans.__('MLO: who answers for what runs here'),
      icon: sealIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: open
    });
    app.commands.addCommand(CommandIDs.signIn, {
      label: trans.__('Sign In as MLO …'),
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => !model.signedIn,
      execute: () => {
        open();
        widget.focusFirst();
      }
    });
    app.commands.addCommand(CommandIDs.showChanged, {
      label: trans.__('Show Cells That Changed'),
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => Boolean(notebooks?.current),
      execute: () => {
        open();
        widget.expandNotebook();
        view.look('changed');
      }
    });
    app.commands.addCommand(CommandIDs.mandates, {
      label: trans.__('Show Mandates'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        open();
        widget.expandMandates();
      }
    });
    let asked: string | null = null;
    model.changed.connect(() => {
      const user = model.me?.user.username ?? null;
      if (user !== null && user !== asked) {
        asked = user;
        void model.mandates.refresh();
      }
      app.commands.notifyCommandChanged(CommandIDs.signIn);
    });
  }
};

async function sideOf(registry: ISettingRegistry | null): Promise<'left' | 'right'> {
  try {
    const settings = await registry?.load(SETTINGS);
    return settings?.get('side').composite === 'right' ? 'right' : 'left';
  } catch {
    return 'left';
  }
}
