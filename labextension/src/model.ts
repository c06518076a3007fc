import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type {
  Api,
  CellRecord,
  Enrolment,
  Login,
  Me,
  NotebookRecords,
  NotebookVerdict,
  Presentation,
  Renewal
} from './api';
import { RequestError } from './request';

/** The server saw a cell start or end. */
export interface Execution extends CellRecord {
  path: string;
  cell_id: string;
}

/** Where news of executions come from. */
export interface IExecutions {
  readonly happened: ISignal<unknown, Execution>;
}

/** What is shown of who you are. */
export type Who =
  | { state: 'loading' }
  | { state: 'failed'; error: RequestError }
  | { state: 'ready'; me: Me };

/** What a code cell's mark says; `verdict` is null for what ran since the last save. */
export interface Mark extends CellRecord {
  verdict: string | null;
  reasons: string[];
}

/** Who you are, and the marks of the notebooks that are open. */
export class Model implements IDisposable {
  constructor(
    private readonly api: Api,
    private readonly executions: IExecutions,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now
  ) {
    executions.happened.connect(this.onExecution, this);
  }

  /** Who you are has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get who(): Who {
    return this._who;
  }

  get me(): Me | null {
    return this._who.state === 'ready' ? this._who.me : null;
  }

  get signedIn(): boolean {
    return this.secondsLeft > 0;
  }

  /** Seconds until the session ends; 0 without one. Counted here, so that no clocks are compared. */
  get secondsLeft(): number {
    const session = this.me?.session;
    if (!session) {
      return 0;
    }
    return Math.max(0, session.seconds_left - (this.now() - this._told) / 1000);
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this.executions.happened.disconnect(this.onExecution, this);
    for (const notebook of this._notebooks.values()) {
      notebook.dispose();
    }
    this._notebooks.clear();
    Signal.clearData(this);
  }

  /** Ask the server anew; an error becomes what is shown, unless something is shown already. */
  async refresh(): Promise<void> {
    try {
      this.tell(await this.api.me());
    } catch (error) {
      if (this._who.state !== 'ready') {
        this.set({ state: 'failed', error: asRequestError(error) });
      }
    }
  }

  /** @throws RequestError, as all below. */
  async login(login: Login): Promise<void> {
    this.tell(await this.api.login(login));
  }

  async logout(): Promise<void> {
    this.tell(await this.api.logout());
  }

  async renew(renewal: Renewal): Promise<void> {
    this.tell(await this.api.renew(renewal));
  }

  async present(presentation: Presentation): Promise<void> {
    this.tell(await this.api.present(presentation));
  }

  /** The new MLO's ID. */
  async enroll(enrolment: Enrolment): Promise<string | null> {
    const before = new Set(this.me?.known.map(mlo => mlo.id));
    const me = await this.api.enroll(enrolment);
    this.tell(me);
    return me.mlo?.id ?? me.known.find(mlo => !before.has(mlo.id))?.id ?? null;
  }

  /** The marks of the notebook at a path, made when first asked for. */
  notebook(path: string): NotebookMarks {
    let notebook = this._notebooks.get(path);
    if (!notebook) {
      notebook = new NotebookMarks(path, this.api);
      this._notebooks.set(path, notebook);
    }
    return notebook;
  }

  /** The notebook is closed, or has moved: nobody looks at these marks any more. */
  forget(path: string): void {
    this._notebooks.get(path)?.dispose();
    this._notebooks.delete(path);
  }

  private onExecution(_: unknown, execution: Execution): void {
    this._notebooks.get(execution.path)?.saw(execution);
  }

  private tell(me: Me): void {
    this._told = this.now();
    this.set({ state: 'ready', me });
  }

  private set(who: Who): void {
    if (!this._disposed) {
      this._who = who;
      this._changed.emit();
    }
  }

  private _who: Who = { state: 'loading' };
  private _told = 0;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _notebooks = new Map<string, NotebookMarks>();
}

/** Marks by cell ID: what the file proves, and over it what the server saw since. */
export class NotebookMarks implements IDisposable {
  constructor(
    readonly path: string,
    private readonly api: Api
  ) {}

  /** The IDs of the cells whose marks have changed. */
  get changed(): ISignal<this, ReadonlySet<string>> {
    return this._changed;
  }

  /** What verifying said of the whole, or null before it was asked. */
  get verdict(): NotebookVerdict['verdict'] | null {
    return this._verdict;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    this._marks.clear();
    Signal.clearData(this);
  }

  mark(cellId: string): Mark | undefined {
    return this._marks.get(cellId);
  }

  /**
   * Read file and live records anew. What happens while the answers are on their way stays.
   *
   * @throws RequestError
   */
  async refresh(): Promise<void> {
    this._meanwhile = new Map();
    const meanwhile = this._meanwhile;
    let file: NotebookVerdict;
    let live: NotebookRecords;
    try {
      [file, live] = await Promise.all([
        this.api.notebook(this.path),
        this.api.records(this.path)
      ]);
    } catch (error) {
      if (meanwhile === this._meanwhile) {
        this._meanwhile = null;
      }
      throw asRequestError(error);
    }
    if (this._disposed || meanwhile !== this._meanwhile) {
      return; // A later call reads it all again.
    }
    const marks = new Map<string, Mark>();
    for (const { id, executor, activity, model, time, verdict, reasons } of file.cells) {
      // A cell that never ran has nothing to say.
      if (executor || verdict !== 'unstamped') {
        const status = 'ok';
        marks.set(id, { executor, activity, model, time, status, verdict, reasons });
      }
    }
    for (const [id, record] of [...Object.entries(live.cells), ...meanwhile]) {
      marks.set(id, { ...record, verdict: null, reasons: [] });
    }
    this._verdict = file.verdict;
    this._meanwhile = null;
    const touched = new Set([...this._marks.keys(), ...marks.keys()]);
    for (const id of touched) {
      if (same(this._marks.get(id), marks.get(id))) {
        touched.delete(id);
      }
    }
    this._marks = marks;
    this._changed.emit(touched);
  }

  /** The server saw this execution just now. */
  saw({ cell_id, executor, activity, model, time, status }: Execution): void {
    const record = { executor, activity, model, time, status };
    this._meanwhile?.set(cell_id, record);
    this._marks.set(cell_id, { ...record, verdict: null, reasons: [] });
    this._changed.emit(new Set([cell_id]));
  }

  private _marks = new Map<string, Mark>();
  private _meanwhile: Map<string, CellRecord> | null = null;
  private _verdict: NotebookVerdict['verdict'] | null = null;
  private _disposed = false;
  private readonly _changed = new Signal<this, ReadonlySet<string>>(this);
}

function same(one: Mark | undefined, other: Mark | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function asRequestError(error: unknown): RequestError {
  return error instanceof RequestError
    ? error
    : new RequestError(error instanceof Error ? error.message : String(error));
}
