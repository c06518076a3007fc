import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, IMloModel } from '../tokens';
import { StatusItem } from '../widgets/status';

/** Who you are, always in sight. */
export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlo:status',
  description: 'Shows in the status bar who is signed in.',
  autoStart: true,
  requires: [IMloModel],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IMloModel,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ): void => {
    const item = new StatusItem(
      model,
      (translator ?? nullTranslator).load(DOMAIN),
      () => {
        void app.commands.execute(CommandIDs.open);
      }
    );
    statusBar?.registerStatusItem('jupyter-mlo:status', {
      item,
      align: 'left',
      rank: 90
    });
  }
};
