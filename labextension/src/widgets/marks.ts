import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import { paint } from '../colour';
import type { Mark, Model, NotebookMarks } from '../model';
import { describe, type Sign, signOf } from '../words';

/** A shape for each sign; the words stand in the label. */
const SHAPES: Record<Sign, string> = {
  running: '…',
  proven: '✓',
  differs: '≠',
  refused: '✕',
  nobody: '?',
  seen: '○'
};

/** The marks in one notebook's document. Only cells whose mark changed are touched. */
export class CellMarks implements IDisposable {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly model: Model,
    private readonly trans: TranslationBundle
  ) {
    this.marks = this.follow(panel.context.path);
    panel.context.pathChanged.connect(this.onPath, this);
    panel.context.saveState.connect(this.onSaved, this);
    void panel.context.ready.then(() => {
      if (!this._disposed) {
        panel.content.model?.cells.changed.connect(this.drawSoon, this);
        void this.refresh();
      }
    });
  }

  set shown(shown: boolean) {
    this._shown = shown;
    this.drawSoon();
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this.model.forget(this.marks.path);
    Signal.clearData(this);
  }

  private follow(path: string): NotebookMarks {
    const marks = this.model.notebook(path);
    marks.changed.connect(this.onMarks, this);
    return marks;
  }

  private onPath(_: unknown, path: string): void {
    this.marks.changed.disconnect(this.onMarks, this);
    this.model.forget(this.marks.path);
    this.marks = this.follow(path);
    void this.refresh();
  }

  private onSaved(_: unknown, state: string): void {
    if (state === 'completed') {
      void this.refresh();
    }
  }

  private async refresh(): Promise<void> {
    try {
      await this.marks.refresh();
    } catch (reason) {
      // The panel says that the server is not reached; marks stay as they were.
      console.warn('jupyter-mlo: no marks for', this.marks.path, reason);
    }
  }

  private onMarks(_: NotebookMarks, touched: ReadonlySet<string>): void {
    this.draw(touched);
  }

  /** All cells, once in the next frame: cells come and go in bursts. */
  private drawSoon(): void {
    if (!this._due) {
      this._due = true;
      requestAnimationFrame(() => {
        this._due = false;
        if (!this._disposed) {
          this.draw(null);
        }
      });
    }
  }

  private draw(touched: ReadonlySet<string> | null): void {
    for (const cell of this.panel.content.widgets) {
      const { id, type } = cell.model;
      if (touched && !touched.has(id)) {
        continue;
      }
      const mark = this._shown && type === 'code' ? this.marks.mark(id) : undefined;
      const old = this._drawn.get(cell.node);
      if (old?.mark === mark) {
        continue;
      }
      old?.node.remove();
      if (mark) {
        const node = element(mark, this.trans);
        cell.node.append(node);
        this._drawn.set(cell.node, { mark, node });
      } else {
        this._drawn.delete(cell.node);
      }
    }
  }

  private marks: NotebookMarks;
  private _shown = true;
  private _due = false;
  private _disposed = false;
  private readonly _drawn = new WeakMap<Node, { mark: Mark; node: HTMLElement }>();
}

/** A mark as an element; whatever people typed is text in it. */
export function element(mark: Mark, trans: TranslationBundle): HTMLElement {
  const sign = signOf(mark);
  const node = document.createElement('div');
  node.className = 'jp-mlo-mark';
  node.dataset['sign'] = sign;
  node.setAttribute('role', 'img');
  node.title = describe(mark, trans);
  node.setAttribute('aria-label', node.title);
  const initials = document.createElement('span');
  initials.className = 'jp-mlo-avatar';
  initials.textContent = mark.executor?.initials ?? '–';
  Object.assign(initials.style, paint(mark.executor?.colour ?? ''));
  const shape = document.createElement('span');
  shape.className = 'jp-mlo-sign';
  shape.textContent = SHAPES[sign];
  node.append(initials, shape);
  return node;
}
