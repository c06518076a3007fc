import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { commands } from './plugins/commands';
import { executor } from './plugins/executor';
import { login } from './plugins/login';
import { marks } from './plugins/marks';
import { model } from './plugins/model';
import { panel } from './plugins/panel';
import { status } from './plugins/status';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  model,
  panel,
  status,
  marks,
  executor,
  login,
  commands
];

export default plugins;
