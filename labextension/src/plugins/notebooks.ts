import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { OpenNotebook, OpenNotebooks } from '../document';
import { IMloModel, IMloNotebooks } from '../tokens';

/** Milliseconds that news of a cell may take before the server is asked. */
const PATIENCE = 1_000;

/** Ties each notebook that is opened to the model. */
export const notebooks: JupyterFrontEndPlugin<IMloNotebooks> = {
  id: 'jupyter-mlo:notebooks',
  description: 'Follows the notebooks that are open.',
  autoStart: true,
  provides: IMloNotebooks,
  requires: [IMloModel, INotebookTracker],
  activate: (
    _: JupyterFrontEnd,
    model: IMloModel,
    tracker: INotebookTracker
  ): IMloNotebooks => {
    const all = new OpenNotebooks();
    tracker.widgetAdded.connect((_, panel) => {
      all.add(new OpenNotebook(panel, model));
      all.show(tracker.currentWidget);
    });
    tracker.currentChanged.connect((_, panel) => {
      all.show(panel);
    });
    // What runs is what the cell says now, whatever is typed before the server tells of it.
    NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
      all.showing(notebook)?.notebook.sent(cell.model.id);
    });
    // Where the event channel is away, as behind some proxies, cells still get their marks.
    NotebookActions.executed.connect((_, { notebook, cell }) => {
      if (cell.model.type !== 'code') {
        return;
      }
      setTimeout(() => {
        const one = all.showing(notebook)?.notebook;
        const mark = one?.mark(cell.model.id);
        if (!mark || mark.verdict !== null || mark.status === 'running') {
          void one?.look();
        }
      }, PATIENCE);
    });
    return all;
  }
};
