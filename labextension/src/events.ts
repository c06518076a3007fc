import type { Event } from '@jupyterlab/services';
import { type ISignal, Signal } from '@lumino/signaling';
import type { Execution, IExecutions } from './model';

const EXECUTION = 'https://events.jupyter-mlo.github.io/execution/v1';

/** Executions as the server's event channel tells of them. */
export class ServerExecutions implements IExecutions {
  constructor(events: Event.IManager) {
    events.stream.connect((_, emission) => {
      if (emission.schema_id === EXECUTION) {
        this._happened.emit(emission as unknown as Execution);
      }
    });
  }

  get happened(): ISignal<unknown, Execution> {
    return this._happened;
  }

  private readonly _happened = new Signal<this, Execution>(this);
}
