import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { CommandIDs, DOMAIN, IMloModel, IMloNotebooks } from '../tokens';
import { seal } from '../widgets/sealing';
import { describe } from '../words';

/** What the palette and the context menu offer beside the panel's own commands. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlo:commands',
  description: 'Sign out; who ran this cell; verify and seal.',
  autoStart: true,
  requires: [IMloModel],
  optional: [IMloNotebooks, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IMloModel,
    notebooks: IMloNotebooks | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const describedBy = { args: { type: 'object', properties: {} } };

    const active = (): Cell | null =>
      notebooks?.current?.panel.content.activeCell ?? null;

    app.commands.addCommand(CommandIDs.signOut, {
      label: trans.__('Sign Out as MLO'),
      describedBy,
      isEnabled: () => model.signedIn,
      execute: () => model.logout()
    });
    model.changed.connect(() => {
      app.commands.notifyCommandChanged(CommandIDs.signOut);
      app.commands.notifyCommandChanged(CommandIDs.seal);
    });

    app.commands.addCommand(CommandIDs.whoRan, {
      label: trans.__('Who Ran This?'),
      describedBy,
      isEnabled: () => active()?.model.type === 'code',
      execute: async () => {
        const cell = active();
        if (!cell) {
          return;
        }
        const mark = notebooks?.current?.notebook.mark(cell.model.id);
        await showDialog({
          title: trans.__('Who ran this?'),
          body: told(
            mark
              ? describe(mark, trans)
              : trans.__('Nothing is known of a run of this cell.')
          ),
          buttons: [Dialog.okButton({ label: trans.__('Close') })]
        });
      }
    });

    app.commands.addCommand(CommandIDs.verify, {
      label: trans.__('Verify This Notebook'),
      describedBy,
      isEnabled: () => Boolean(notebooks?.current),
      execute: async () => {
        await app.commands.execute(CommandIDs.open);
        await notebooks?.current?.notebook.verify();
      }
    });

    app.commands.addCommand(CommandIDs.seal, {
      label: trans.__('Seal This Notebook …'),
      describedBy,
      isEnabled: () => model.signedIn && Boolean(notebooks?.current),
      execute: async () => {
        if (notebooks?.current) {
          await seal(notebooks.current, model.me?.mlo?.id ?? null, trans);
        }
      }
    });
    notebooks?.currentChanged.connect(() => {
      app.commands.notifyCommandChanged();
    });

    for (const command of [
      CommandIDs.open,
      CommandIDs.signIn,
      CommandIDs.signOut,
      CommandIDs.whoRan,
      CommandIDs.verify,
      CommandIDs.seal,
      CommandIDs.showChanged,
      CommandIDs.mandates
    ]) {
      palette?.addItem({ command, category: 'MLO' });
    }
  }
};

/** Lines of text in a dialog. */
function told(text: string): Widget {
  const body = new Widget();
  body.addClass('jp-mlo-told');
  body.node.textContent = text;
  return body;
}
