import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookCellExecutor, NotebookActions } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Gate, type IDoorkeeper, type Prompt } from '../gate';
import { runner } from '../runner';
import { CommandIDs, DOMAIN, IMloModel, SETTINGS } from '../tokens';

/**
 * The way to run a cell behind the gate; takes the place of JupyterLab's and of
 * jupyter-collaboration's. Where yet another extension provides one, the one that is loaded last is
 * used: cells may then not be held here, and what must be refused the server has to refuse.
 */
export const executor: JupyterFrontEndPlugin<INotebookCellExecutor> = {
  id: 'jupyter-mlo:cell-executor',
  description: 'Runs cells; reminds of signing in, or waits for it, as the settings say.',
  autoStart: true,
  provides: INotebookCellExecutor,
  requires: [IMloModel],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IMloModel,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): INotebookCellExecutor => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    // Asked for when the first cell runs: this plugin must not wait for it.
    let settings: Promise<ISettingRegistry.ISettings | null> | null = null;
    const prompt = async (): Promise<Prompt> => {
      settings ??= registry?.load(SETTINGS).catch(() => null) ?? Promise.resolve(null);
      return ((await settings)?.get('prompt').composite ?? 'remind') as Prompt;
    };
    const signIn = {
      label: trans.__('Sign in'),
      displayType: 'accent' as const,
      callback: () => void app.commands.execute(CommandIDs.signIn)
    };
    let asked: string | null = null;
    const doorkeeper: IDoorkeeper = {
      remind: () => {
        Notification.warning(
          trans.__('Nobody is signed in: what runs now is nobody’s.'),
          {
            autoClose: 10_000,
            actions: [signIn]
          }
        );
      },
      ask: refuse => {
        asked = Notification.warning(
          trans.__('Cells wait until somebody is signed in.'),
          {
            autoClose: false,
            actions: [signIn, { label: trans.__('Do not run them'), callback: refuse }]
          }
        );
        signIn.callback();
      },
      answered: () => {
        if (asked) {
          Notification.dismiss(asked);
        }
      }
    };
    const gate = new Gate(model, prompt, doorkeeper);
    // Also where another extension's executor is used.
    NotebookActions.executionScheduled.connect(() => void gate.ran());
    const running = runner(app.serviceManager.serverSettings);
    return Object.freeze({
      runCell: async (
        options: INotebookCellExecutor.IRunCellOptions
      ): Promise<boolean> => {
        const { cell } = options;
        const asks =
          cell.model.type === 'code' && cell.model.sharedModel.source.trim() !== '';
        if (asks && (!(await gate.pass()) || cell.isDisposed)) {
          return false;
        }
        return (await running).runCell(options);
      }
    });
  }
};
