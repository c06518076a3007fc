import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, IMloModel } from '../tokens';
import { describe } from '../words';

/** What the palette and the context menu offer beside the panel's own commands. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlo:commands',
  description: 'Sign out; who ran this cell.',
  autoStart: true,
  requires: [IMloModel],
  optional: [INotebookTracker, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IMloModel,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const describedBy = { args: { type: 'object', properties: {} } };

    app.commands.addCommand(CommandIDs.signOut, {
      label: trans.__('Sign Out as MLO'),
      describedBy,
      isEnabled: () => model.signedIn,
      execute: () => model.logout()
    });
    model.changed.connect(() => {
      app.commands.notifyCommandChanged(CommandIDs.signOut);
    });

    app.commands.addCommand(CommandIDs.whoRan, {
      label: trans.__('Who Ran This?'),
      describedBy,
      isEnabled: () => tracker?.activeCell?.model.type === 'code',
      execute: async () => {
        const cell = tracker?.activeCell;
        const path = tracker?.currentWidget?.context.path;
        if (!cell || path === undefined) {
          return;
        }
        const mark = model.notebook(path).mark(cell.model.id);
        await showDialog({
          title: trans.__('Who ran this?'),
          body: mark
            ? describe(mark, trans)
            : trans.__('Nothing is known of a run of this cell.'),
          buttons: [Dialog.okButton({ label: trans.__('Close') })]
        });
      }
    });

    for (const command of [
      CommandIDs.open,
      CommandIDs.signIn,
      CommandIDs.signOut,
      CommandIDs.whoRan
    ]) {
      palette?.addItem({ command, category: 'MLO' });
    }
  }
};
