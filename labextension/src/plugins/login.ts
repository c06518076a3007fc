import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { askedBy } from '../asks';
import { CommandIDs, IMloModel } from '../tokens';

/** Has `%mlo_login` in a cell open the panel's prompt. */
export const login: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlo:login',
  description: 'Opens the prompt of the panel for %mlo_login in a cell.',
  autoStart: true,
  requires: [IMloModel, INotebookTracker],
  activate: (app: JupyterFrontEnd, model: IMloModel, tracker: INotebookTracker): void => {
    tracker.widgetAdded.connect((_, widget) => {
      widget.sessionContext.iopubMessage.connect((context, message) => {
        const asked = askedBy(message, context.session?.kernel?.clientId);
        if (asked) {
          model.asked = asked;
          void app.commands.execute(model.signedIn ? CommandIDs.open : CommandIDs.signIn);
        }
      });
    });
  }
};
