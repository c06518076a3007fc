import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type {
  Api,
  MadeMandate,
  Mandate,
  MandateMaking,
  MandateRenewal,
  MandateRevocation,
  Wish
} from './api';
import type { Act, INews } from './events';
import { asRequestError, type RequestError } from './request';

/** The mandates of whoever sits here, as the server told them last. */
export class MandateList implements IDisposable {
  constructor(
    readonly api: Api,
    news: INews
  ) {
    news.acted.connect(this.onActed, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Null until the server has answered. */
  get all(): readonly Mandate[] | null {
    return this._all;
  }

  /** What could not be read, in the server's words. */
  get problems(): readonly string[] {
    return this._problems;
  }

  /** Why the server did not answer the last time. */
  get error(): RequestError | null {
    return this._error;
  }

  /** How many end within three days, and were not renewed. */
  get soon(): number {
    return (this._all ?? []).filter(each => each.soon).length;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    try {
      const { mandates, problems } = await this.api.mandates();
      this._all = mandates;
      this._problems = problems;
      this._error = null;
    } catch (error) {
      this._error = asRequestError(error);
    }
    if (!this._disposed) {
      this._changed.emit();
    }
  }

  /** @throws RequestError, as those below. */
  async make(form: MandateMaking): Promise<MadeMandate> {
    const made = await this.api.makeMandate(form);
    await this.refresh();
    return made;
  }

  async renew(id: string, form: MandateRenewal): Promise<MadeMandate> {
    const made = await this.api.renewMandate(id, form);
    await this.refresh();
    return made;
  }

  async revoke(id: string, form: MandateRevocation): Promise<void> {
    await this.api.revokeMandate(id, form);
    await this.refresh();
  }

  private onActed(_: unknown, { act }: Act): void {
    if (act.startsWith('mandate')) {
      void this.refresh();
    }
  }

  private _all: Mandate[] | null = null;
  private _problems: string[] = [];
  private _error: RequestError | null = null;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

/** What runs may inject by one name. */
export interface ParameterDraft {
  name: string;
  allow: 'no' | 'any' | 'values' | 'range';
  /** Between commas. */
  values: string;
  low: string;
  high: string;
}

/** What somebody has filled in so far. */
export interface Draft {
  /** Notebooks and folders, a line each. */
  paths: string;
  activity: string;
  /** Between commas. */
  models: string;
  parameters: ParameterDraft[];
  days: number;
  /** Empty: any number. */
  uses: string;
  handover: MandateMaking['handover'];
  /** A runner's public key. */
  to: string;
}

/** A form that is filled in as far as what is open says it. */
export function draftFor(
  path: string | null,
  activity: string | null,
  model: string | null
): Draft {
  return {
    ...{ paths: path ?? '', activity: activity ?? 'training', models: model ?? '' },
    ...{ parameters: [], days: 30, uses: '20', handover: 'runner', to: '' }
  };
}

/** Rows for the names that notebooks declare: what stands there stays, a default is offered. */
export function rowsFor(
  declared: readonly { name: string; default: string | null }[],
  known: readonly ParameterDraft[]
): ParameterDraft[] {
  const rows = new Map(known.map(row => [row.name, row]));
  for (const { name, default: value } of declared) {
    if (!rows.has(name)) {
      const values = value ?? '';
      rows.set(name, { name, allow: 'no', values, low: '', high: '' });
    }
  }
  return [...rows.values()];
}

/** What the server is asked for. */
export function wishOf(draft: Draft): Wish {
  const uses = draft.uses.trim();
  return {
    paths: pieces(draft.paths, '\n'),
    activities: [draft.activity],
    models: pieces(draft.models, ','),
    parameters: draft.parameters.flatMap(parameterTexts),
    hours: draft.days * 24,
    ...(uses && { uses: Number(uses) }),
    ...(draft.handover === 'runner' && { to: draft.to.trim() })
  };
}

/** What is missing or wrong in a row, as a stable word; null where nothing is. */
export function rowProblem(row: ParameterDraft): 'name' | 'values' | 'range' | null {
  if (row.allow === 'no') {
    return null;
  }
  if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(row.name.trim())) {
    return 'name';
  }
  if (row.allow === 'values' && valuesOf(row.values).length === 0) {
    return 'values';
  }
  if (row.allow === 'range') {
    const bounds = [row.low, row.high].map(each => each.trim());
    const numbers = bounds.every(each => each === '' || NUMBER.test(each));
    return numbers && bounds.some(each => each !== '') ? null : 'range';
  }
  return null;
}

const NUMBER = /^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?$/;

/** As the option `--parameters` takes it; what was typed as one value stays one. */
function parameterTexts(row: ParameterDraft): string[] {
  const name = row.name.trim();
  switch (row.allow) {
    case 'no':
      return [];
    case 'any':
      return [name];
    case 'range':
      return [`${name}=${row.low.trim()}..${row.high.trim()}`];
    case 'values':
      return valuesOf(row.values).map(value => `${name}=${value}`);
  }
}

/** JSON texts of what was typed between commas; a comma within quotes divides nothing. */
export function valuesOf(text: string): string[] {
  const found = text.match(/\s*"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+/g) ?? [];
  return found
    .map(each => each.trim())
    .filter(each => each !== '')
    .map(each => {
      if (['True', 'False', 'None'].includes(each)) {
        return each === 'None' ? 'null' : each.toLowerCase();
      }
      if (NUMBER.test(each)) {
        return each.replace(/^\+/, '').replace(/^(-?)\./, '$10.');
      }
      try {
        JSON.parse(each);
        return each;
      } catch {
        return JSON.stringify(each);
      }
    });
}

function pieces(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map(each => each.trim())
    .filter(each => each !== '');
}
