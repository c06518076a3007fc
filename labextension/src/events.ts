import type { Event } from '@jupyterlab/services';
import { type ISignal, Signal } from '@lumino/signaling';

const EXECUTION = 'https://events.jupyter-mlo.github.io/execution/v1';
const ACT = 'https://events.jupyter-mlo.github.io/act/v1';

/** A cell that was asked for through this server has begun, or has ended. */
export interface Execution {
  kernel: string;
  request: string;
  execution: string;
  cell: string | null;
  /** MLO IDs; who that is, the model knows. */
  mlo: string | null;
  assistant: string | null;
  activity: string | null;
  model: string | null;
  /** `running`, `ok`, `error`, `aborted`, `lost`. */
  status: string;
  count: number | null;
  /** RFC 3339. */
  started: string;
}

/** Somebody did something through this server; a `notice` is for people to read. */
export interface Act {
  act: string;
  mlo: string | null;
  path: string | null;
  detail: string;
}

/** What the server tells without being asked. */
export interface INews {
  readonly executed: ISignal<unknown, Execution>;
  readonly acted: ISignal<unknown, Act>;
}

/** News by the server's event channel. */
export class ServerNews implements INews {
  constructor(events: Event.IManager) {
    events.stream.connect((_, emission) => {
      if (emission.schema_id === EXECUTION) {
        this._executed.emit(emission as unknown as Execution);
      } else if (emission.schema_id === ACT) {
        this._acted.emit(emission as unknown as Act);
      }
    });
  }

  get executed(): ISignal<unknown, Execution> {
    return this._executed;
  }

  get acted(): ISignal<unknown, Act> {
    return this._acted;
  }

  private readonly _executed = new Signal<this, Execution>(this);
  private readonly _acted = new Signal<this, Act>(this);
}
