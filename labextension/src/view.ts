import { type ISignal, Signal } from '@lumino/signaling';
import type { IDocument, Line } from './document';
import type { Mark } from './mark';
import { signOf } from './words';

/** Which cells the panel lists. */
export const FILTERS = ['all', 'mine', 'changed', 'unstamped', 'assistant'] as const;
export type Filter = (typeof FILTERS)[number];

/** What somebody has chosen to look at in the panel. */
export class View {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get filter(): Filter {
    return this._filter;
  }

  set filter(filter: Filter) {
    if (filter !== this._filter) {
      this._filter = filter;
      this._changed.emit();
    }
  }

  /** How often somebody asked elsewhere to see cells. */
  get asked(): number {
    return this._asked;
  }

  /** List these cells, and bring the list into sight. */
  look(filter: Filter): void {
    this._filter = filter;
    this._asked += 1;
    this._changed.emit();
  }

  private _asked = 0;
  private _filter: Filter = 'all';
  private readonly _changed = new Signal<this, void>(this);
}

/** Whether a cell is among those of a filter; `me` is the MLO ID that is signed in. */
export function passes(
  filter: Filter,
  line: Line,
  mark: Mark | undefined,
  me: string | null
): boolean {
  const sign = mark ? signOf(mark) : 'none';
  switch (filter) {
    case 'all':
      return true;
    case 'mine':
      return me !== null && mark?.executor?.id === me;
    case 'changed':
      return sign === 'differs' || sign === 'refused';
    case 'unstamped':
      return line.kind === 'code' && sign === 'nobody';
    case 'assistant':
      return Boolean(mark?.assistant) || mark?.executor?.kind === 'assistant';
  }
}

/** The numbers of the cells that an MLO executed, as far as their marks are believed here. */
export function executedBy(mlo: string | null, document: IDocument): number[] {
  return document
    .lines()
    .filter(({ id, kind }) => {
      const mark = document.notebook.mark(id);
      const valid = mark && mark.verdict !== 'not valid here';
      return kind === 'code' && mlo !== null && valid && mark.executor?.id === mlo;
    })
    .map(line => line.position);
}
