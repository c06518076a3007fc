import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ServerExecutions } from '../events';
import { Model } from '../model';
import { ServerApi } from '../request';
import { IMloModel } from '../tokens';

/** The one model of this window. */
export const model: JupyterFrontEndPlugin<IMloModel> = {
  id: 'jupyter-mlo:model',
  description: 'Knows who you are and who executed the cells of open notebooks.',
  autoStart: true,
  provides: IMloModel,
  activate: (app: JupyterFrontEnd): IMloModel => {
    const { serviceManager } = app;
    const model = new Model(
      new ServerApi(serviceManager.serverSettings),
      new ServerExecutions(serviceManager.events)
    );
    // Not awaited: the panel shows that it is being asked.
    void model.refresh();
    return model;
  }
};
