import { PageConfig } from '@jupyterlab/coreutils';
import { type INotebookCellExecutor, runCell } from '@jupyterlab/notebook';
import type { ServerConnection } from '@jupyterlab/services';

/** What jupyter-collaboration shares with other extensions, as far as it is needed here. */
interface DocProvider {
  NotebookCellServerExecutor: new (options: {
    serverSettings: ServerConnection.ISettings;
  }) => INotebookCellExecutor;
}

/** Modules that extensions share, by name and version. */
declare const __webpack_share_scopes__: {
  default?: Record<string, Record<string, { get: () => Promise<() => unknown> }>>;
};

/**
 * What runs cells in this page: JupyterLab's own way, or jupyter-collaboration's where the server
 * is told to send cells to kernels itself (`YDocExtension.server_side_execution`).
 */
export async function runner(
  serverSettings: ServerConnection.ISettings
): Promise<INotebookCellExecutor> {
  if (PageConfig.getOption('serverSideExecution') === 'true') {
    const shared = __webpack_share_scopes__.default?.['@jupyter/docprovider'] ?? {};
    for (const { get } of Object.values(shared)) {
      const { NotebookCellServerExecutor } = (await get())() as DocProvider;
      return new NotebookCellServerExecutor({ serverSettings });
    }
  }
  return Object.freeze({ runCell });
}
