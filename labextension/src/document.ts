import type { ISessionContext } from '@jupyterlab/apputils';
import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import { MessageLoop } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { Model } from './model';
import type { NotebookModel } from './notebook';

/** Milliseconds by which one time of a file may differ between two looks at it, as in JupyterLab. */
const COARSE = 500;

/** A cell as the document has it now. */
export interface Line {
  id: string;
  kind: string;
  /** Counted from one. */
  position: number;
  /** Its first line of source, asked for only where it is shown: the document is slow to tell. */
  readonly text: string;
}

/** What the panel sees of a notebook that is open. */
export interface IDocument {
  readonly notebook: NotebookModel;
  /** Cells came, went or moved. */
  readonly changed: ISignal<unknown, void>;
  /** There is something that no save has kept. */
  readonly dirty: boolean;
  /** Several people edit it at once, and the server saves it. */
  readonly together: boolean;
  /** A file of this time is not the one that was last read or saved here. */
  elsewhere(modified: string | null): boolean;
  /** The same objects until `changed` is emitted. */
  lines(): readonly Line[];
  jump(cellId: string): void;
  save(): Promise<void>;
}

/** A notebook that is open here, tied to what is known of it. */
export class OpenNotebook implements IDocument, IDisposable {
  constructor(
    readonly panel: NotebookPanel,
    model: Model
  ) {
    const { context } = panel;
    this.notebook = model.open(context.path);
    context.pathChanged.connect(this.onPath, this);
    context.saveState.connect(this.onSave, this);
    context.fileChanged.connect(this.onFile, this);
    context.sessionContext.kernelChanged.connect(this.onKernel, this);
    this.onKernel(context.sessionContext);
    void context.ready.then(() => {
      if (!this._disposed) {
        this._lines = null;
        panel.content.model?.cells.changed.connect(this.onCells, this);
        this._changed.emit();
        this.notebook.loaded(this.follow(), id => this._cells.get(id)?.source);
        void this.notebook.verify();
      }
    });
    panel.disposed.connect(() => {
      this.dispose();
    });
  }

  readonly notebook: NotebookModel;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get dirty(): boolean {
    return this.panel.content.model?.dirty ?? false;
  }

  get together(): boolean {
    return this.panel.content.model?.collaborative ?? false;
  }

  elsewhere(modified: string | null): boolean {
    const known = this.panel.context.contentsModel?.last_modified;
    if (modified === null || known === undefined || this.together) {
      return false;
    }
    return Date.parse(modified) - Date.parse(known) > COARSE;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this.notebook.dispose();
      Signal.clearData(this);
    }
  }

  lines(): readonly Line[] {
    return (this._lines ??= linesOf(this.panel.content.model?.sharedModel.cells ?? []));
  }

  jump(cellId: string): void {
    const { content } = this.panel;
    const at = content.widgets.findIndex(cell => cell.model.id === cellId);
    if (at >= 0) {
      content.activeCellIndex = at;
      content.deselectAll();
      void content.scrollToItem(at, 'smart').then(() => {
        // At once: what is posted would take the focus again later.
        MessageLoop.sendMessage(content, Widget.Msg.ActivateRequest);
        content.activeCell?.node.focus();
      });
    }
  }

  save(): Promise<void> {
    return this.panel.context.save();
  }

  private onPath(_: unknown, path: string): void {
    void this.notebook.move(path);
  }

  /** It was saved, or read again. */
  private onFile(): void {
    this._changed.emit();
  }

  private onSave(_: unknown, state: string): void {
    if (state === 'started') {
      this.notebook.saving();
    } else if (state === 'completed') {
      void this.notebook.verify();
    }
  }

  private onKernel(session: ISessionContext): void {
    void this.notebook.runsIn(session.session?.kernel?.id ?? null);
  }

  /** Once in a while: cells come and go in bursts. */
  private onCells(): void {
    this._lines = null;
    this._due ??= requestAnimationFrame(() => {
      this._due = null;
      if (!this._disposed) {
        this._changed.emit();
        const known = new Set(this._cells.keys());
        // What was deleted and came back was not listened to in between.
        this.notebook.edited(this.follow().filter(id => !known.has(id)));
      }
    });
  }

  /** Listen to what is typed in the cells that there are now; their IDs in order. */
  private follow(): string[] {
    const cells = this.panel.content.model?.sharedModel.cells ?? [];
    this._cells = new Map(cells.map(cell => [cell.getId(), cell]));
    for (const cell of cells) {
      cell.changed.connect(this.onCell, this);
    }
    return [...this._cells.keys()];
  }

  /** Once in a frame: sources are slow to tell, and nobody who types should wait for it. */
  private onCell(cell: Told, change: { sourceChange?: unknown }): void {
    if (!change.sourceChange) {
      return;
    }
    if (!this._typed.size) {
      requestAnimationFrame(() => {
        const typed = new Set(this._typed);
        this._typed.clear();
        if (!this._disposed) {
          this.notebook.edited(typed);
        }
      });
    }
    this._typed.add(cell.getId());
  }

  private _lines: readonly Line[] | null = null;
  private _cells: ReadonlyMap<string, Told> = new Map();
  private readonly _typed = new Set<string>();
  private _due: number | null = null;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

/** What of a cell is asked for here. */
interface Told {
  getId(): string;
  readonly cell_type: string;
  readonly source: string;
}

export function linesOf(cells: readonly Told[]): Line[] {
  return cells.map((cell, at) => ({
    id: cell.getId(),
    kind: cell.cell_type,
    position: at + 1,
    get text(): string {
      return cell.source.slice(0, 200).trimStart().split('\n', 1)[0] ?? '';
    }
  }));
}

/** The notebooks that are open in this window, and the one that is looked at. */
export class OpenNotebooks {
  /** Another one is looked at, or none. */
  get currentChanged(): ISignal<this, void> {
    return this._currentChanged;
  }

  /** One was opened. */
  get opened(): ISignal<this, OpenNotebook> {
    return this._opened;
  }

  get current(): OpenNotebook | null {
    return this._current;
  }

  /** The one that a notebook widget shows. */
  showing(content: Notebook): OpenNotebook | null {
    return [...this._all.values()].find(one => one.panel.content === content) ?? null;
  }

  add(notebook: OpenNotebook): void {
    this._all.set(notebook.panel, notebook);
    notebook.panel.disposed.connect(panel => {
      this._all.delete(panel);
      if (this._current === notebook) {
        this.show(null);
      }
    });
    this._opened.emit(notebook);
  }

  show(panel: NotebookPanel | null): void {
    const current = (panel && this._all.get(panel)) ?? null;
    if (current !== this._current) {
      this._current = current;
      this._currentChanged.emit();
    }
  }

  private _current: OpenNotebook | null = null;
  private readonly _all = new Map<NotebookPanel, OpenNotebook>();
  private readonly _currentChanged = new Signal<this, void>(this);
  private readonly _opened = new Signal<this, OpenNotebook>(this);
}
