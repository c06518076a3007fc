import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import { paint } from '../colour';
import type { OpenNotebook } from '../document';
import type { Mark } from '../mark';
import { describe, SHAPES, signOf } from '../words';

/** The marks in one notebook's document. Only cells whose mark changed are touched. */
export class CellMarks implements IDisposable {
  constructor(
    private readonly open: OpenNotebook,
    private readonly trans: TranslationBundle
  ) {
    open.notebook.changed.connect(this.onMarks, this);
    open.changed.connect(this.drawSoon, this);
  }

  set shown(shown: boolean) {
    this._shown = shown;
    this.drawSoon();
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      Signal.clearData(this);
    }
  }

  private onMarks(_: unknown, touched: ReadonlySet<string>): void {
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
    for (const cell of this.open.panel.content.widgets) {
      const { id, type } = cell.model;
      if (touched && !touched.has(id)) {
        continue;
      }
      const mark =
        this._shown && type === 'code' ? this.open.notebook.mark(id) : undefined;
      const old = this._drawn.get(cell.node);
      if (old?.mark === mark) {
        continue;
      }
      old?.node.remove();
      if (mark && signOf(mark) !== 'none') {
        const node = element(mark, this.trans);
        cell.node.append(node);
        this._drawn.set(cell.node, { mark, node });
      } else {
        this._drawn.delete(cell.node);
      }
    }
  }

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
