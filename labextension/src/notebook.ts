import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type {
  Api,
  CellVerdict,
  Changes,
  History,
  Meaning,
  NotebookVerdict,
  StatementView
} from './api';
import { Edits } from './edits';
import type { Execution } from './events';
import { asItStands, type Mark, markOf, provenOf } from './mark';
import type { People } from './people';
import { asRequestError, RequestError } from './request';

/** Milliseconds that a save still takes, at most as a rule, when its seal is told of. */
const SAVED = 600;

/** How far it is with asking for the verdict. */
export type Asking =
  { state: 'loading' } | { state: 'ready' } | { state: 'failed'; error: RequestError };

/** One open notebook: what its file proves, and over it what the server saw since. */
export class NotebookModel implements IDisposable {
  constructor(
    private _path: string,
    private readonly api: Api,
    private readonly people: People
  ) {}

  /** The IDs of the cells whose marks have changed. */
  get changed(): ISignal<this, ReadonlySet<string>> {
    return this._changed;
  }

  /** The verdict, or how far it is with it, has changed. */
  get judged(): ISignal<this, void> {
    return this._judged;
  }

  get disposed(): ISignal<this, void> {
    return this._disposed;
  }

  get asking(): Asking {
    return this._asking;
  }

  /** The last verdict that came, of the notebook as it was on disk. */
  get verdict(): NotebookVerdict | null {
    return this._verdict;
  }

  get path(): string {
    return this._path;
  }

  /** The ID of the kernel that its cells run in. */
  get kernel(): string | null {
    return this._kernel;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._disposed.emit();
      Signal.clearData(this);
    }
  }

  /** The same object until it changes. */
  mark(cellId: string): Mark | undefined {
    const mark = this.found(cellId);
    const holds = mark ? this._edits.holds(cellId, mark.execution) : null;
    if (!mark || holds === null) {
      return mark;
    }
    const made = this._standing.get(mark);
    if (made?.holds === holds) {
      return made.mark;
    }
    const standing = asItStands(mark, holds);
    this._standing.set(mark, { holds, mark: standing });
    return standing;
  }

  /** Without what the open document has changed since. */
  private found(cellId: string): Mark | undefined {
    const [proven, live] = [this._proven.get(cellId), this._live.get(cellId)];
    if (!live || !proven) {
      return live ?? proven;
    }
    const newer =
      proven.execution !== null &&
      (proven.execution === live.execution ||
        (proven.started ?? '') > (live.started ?? ''));
    return newer && live.status !== 'running' ? proven : live;
  }

  /** The notebook was renamed, or saved under another name. */
  move(path: string): Promise<void> {
    this._path = path;
    return this.verify();
  }

  /** Its cells run in another kernel from now on, or in none. */
  async runsIn(kernel: string | null): Promise<void> {
    if (kernel !== this._kernel) {
      this._kernel = kernel;
      await this.look();
    }
  }

  /** A save begins: what has run by now, the file will tell of. */
  saving(): void {
    this._settled = new Set(
      [...this._live.values()].filter(m => m.status !== 'running').map(m => m.execution)
    );
  }

  /**
   * The document was read from the file: these are the IDs of its cells in order. Files before
   * nbformat 4.5 have none, and front ends make them up; saving writes them.
   *
   * @param read - the source that a cell of the document has now.
   */
  loaded(names: readonly string[], read?: (cell: string) => string | undefined): void {
    this._names = names;
    this._edits.loaded(names, read);
  }

  /** A cell is about to be executed here, as it stands. */
  sent(cell: string): void {
    this._edits.sent(cell);
  }

  /** Somebody typed in these cells: they are what was executed no more, or again. */
  edited(cells: Iterable<string>): void {
    const touched = new Set<string>();
    for (const cell of cells) {
      const before = this.mark(cell);
      this._edits.touched(cell);
      if (this.mark(cell) !== before) {
        touched.add(cell);
      }
    }
    if (touched.size) {
      this._changed.emit(touched);
    }
  }

  /** A save seals it: here, in another tab, or in the background where several people edit. */
  sealed(): void {
    const asked = this._asked;
    this.saving();
    setTimeout(() => {
      // Whoever saves asks when the save is done.
      if (asked === this._asked && !this._isDisposed) {
        void this.verify();
      }
    }, SAVED);
  }

  /** Ask for the verdict on the file. What came before stays until it is here. */
  async verify(): Promise<void> {
    const asked = ++this._asked;
    const settled = this._settled;
    this.judge({ state: 'loading' });
    try {
      const verdict = await this.api.verdict(this._path);
      if (asked === this._asked && !this._isDisposed) {
        this.prove(verdict, settled);
      }
    } catch (error) {
      if (asked === this._asked) {
        this.judge({ state: 'failed', error: asRequestError(error) });
      }
    }
  }

  /** Ask what the server saw at the kernel; an event channel may have been away. */
  async look(): Promise<void> {
    const kernel = this._kernel;
    if (kernel === null) {
      return;
    }
    try {
      const { cells } = await this.api.marks(kernel);
      if (kernel === this._kernel && !this._isDisposed) {
        for (const [id, live] of Object.entries(cells)) {
          this.people.learn(live.executor, live.assistant);
          this.take(id, markOf(live), true);
        }
        this._changed.emit(new Set(Object.keys(cells)));
      }
    } catch (error) {
      console.warn('jupyter-mlo: no marks of kernel', kernel, asRequestError(error));
    }
  }

  /** The server saw this just now, in the kernel of this notebook. */
  saw(execution: Execution): void {
    const { cell, mlo, assistant } = execution;
    if (cell === null) {
      return;
    }
    const [executor, helper] = [this.people.find(mlo), this.people.find(assistant)];
    this.take(cell, markOf({ ...execution, executor, assistant: helper }), false);
    this._changed.emit(new Set([cell]));
    if (!this.people.knows(mlo) || !this.people.knows(assistant)) {
      void this.look();
    }
  }

  /** What changed since somebody last said something about it. @throws RequestError, as below. */
  changes(): Promise<Changes> {
    return this.api.changes(this._path);
  }

  history(before: number | null): Promise<History> {
    return this.api.history(this._path, before);
  }

  statement(id: string): Promise<StatementView> {
    return this.api.statement(id, this._path);
  }

  /** Seal with a meaning what `save` saves, if it is what was shown; then ask for the verdict. */
  async seal(meaning: Meaning, shown: string, save: () => Promise<void>): Promise<void> {
    await this.api.seal({ path: this._path, meaning, shown });
    await save();
    await this.verify();
    if (this._asking.state === 'failed') {
      throw this._asking.error;
    }
    if (this._verdict?.seal.meaning !== meaning) {
      throw new RequestError('No seal with this meaning was made', null, 'not-sealed');
    }
  }

  /** The ID of a cell of a verdict in the document; null where that cannot be said. */
  nameOf(cell: CellVerdict, { cells }: NotebookVerdict): string | null {
    const named = this._names.length === cells.length;
    return cell.id ?? (named ? this._names[cell.position] : null) ?? null;
  }

  private prove(verdict: NotebookVerdict, settled: ReadonlySet<string | null>): void {
    const touched = new Set([...this._proven.keys(), ...this._live.keys()]);
    this._proven = new Map();
    for (const cell of verdict.cells) {
      this.people.learn(cell.executor, cell.assistant, cell.onBehalfOf);
      const id = this.nameOf(cell, verdict);
      if (id !== null) {
        this._proven.set(id, provenOf(cell));
        touched.add(id);
        if (cell.execution !== null) {
          this._edits.proven(id, cell.execution, !cell.changed.includes('source'));
        }
      }
    }
    this._edits.settle();
    for (const [id, live] of this._live) {
      if (settled.has(live.execution) && this._proven.has(id)) {
        this._live.delete(id);
      }
    }
    this._settled = new Set();
    this._verdict = verdict;
    this._changed.emit(touched);
    this.judge({ state: 'ready' });
  }

  /** Of two executions the later one counts; of one, that it has ended. */
  private take(id: string, mark: Mark, fetched: boolean): void {
    const old = this._live.get(id);
    const [before, now] = [old?.started ?? '', mark.started ?? ''];
    const later = fetched ? now > before : now >= before;
    if (!old || (old.execution === mark.execution ? mark.status !== 'running' : later)) {
      this._live.set(id, mark);
      if (mark.execution !== null) {
        this._edits.ran(id, mark.execution);
      }
    }
  }

  private judge(asking: Asking): void {
    if (!this._isDisposed) {
      this._asking = asking;
      this._judged.emit();
    }
  }

  private _asking: Asking = { state: 'loading' };
  private _verdict: NotebookVerdict | null = null;
  private _names: readonly string[] = [];
  private _proven = new Map<string, Mark>();
  private readonly _live = new Map<string, Mark>();
  private readonly _edits = new Edits();
  private readonly _standing = new WeakMap<Mark, { holds: boolean; mark: Mark }>();
  private _settled: ReadonlySet<string | null> = new Set();
  private _kernel: string | null = null;
  private _asked = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, ReadonlySet<string>>(this);
  private readonly _judged = new Signal<this, void>(this);
  private readonly _disposed = new Signal<this, void>(this);
}
