import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ServerNews } from '../events';
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
      new ServerNews(serviceManager.events)
    );
    model.noticed.connect((_, text) => {
      Notification.warning(text, { autoClose: 20_000 });
    });
    // Not awaited: the panel shows that it is being asked.
    void model.refresh();
    return model;
  }
};
