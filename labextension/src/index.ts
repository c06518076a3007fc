import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { banner } from './plugins/banner';
import { commands } from './plugins/commands';
import { executor } from './plugins/executor';
import { login } from './plugins/login';
import { marks } from './plugins/marks';
import { model } from './plugins/model';
import { notebooks } from './plugins/notebooks';
import { panel } from './plugins/panel';
import { status } from './plugins/status';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  model,
  notebooks,
  panel,
  status,
  marks,
  banner,
  executor,
  login,
  commands
];

export default plugins;
