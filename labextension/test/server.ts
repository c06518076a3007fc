import { Signal } from '@lumino/signaling';
import type {
  Api,
  CellVerdict,
  HistoryEntry,
  Mandate,
  Marks,
  Me,
  NotebookVerdict,
  Somebody,
  Wish
} from '../src/api';
import type { Act, Execution, INews } from '../src/events';
import { RequestError } from '../src/request';

export const ADA: Somebody = {
  id: 'mlo:7K3D-9QXA-2MFB',
  name: 'Ada Sample',
  kind: 'person',
  colour: '#1b5e20',
  initials: 'AS'
};
export const KERNEL = '6f1c6c1e-0000-4000-8000-000000000001';
export const PASSPHRASE = 'correct horse';

const NOBODY_SEALED: NotebookVerdict['seal'] = {
  ...{ verdict: 'unsealed', reason: '', changes: [], by: null, assurance: null },
  ...{ meaning: null, time: null, statement: null, assistant: null, onBehalfOf: null }
};

/** What is found of a file with these cells. */
export function verdictOn(path: string, ...cells: CellVerdict[]): NotebookVerdict {
  return {
    ...{ path, notebook: null, holds: true, altered: false },
    ...{ summary: { code: 'holds', cells: cells.length } },
    ...{ seal: NOBODY_SEALED, cells, contributions: [], problems: [], notes: [] },
    modified: null,
    asOf: null
  };
}

/** A cell that Ada executed. */
export function verified(id: string, change: Partial<CellVerdict> = {}): CellVerdict {
  return {
    ...{ position: 0, id, kind: 'code', verdict: 'verified', reason: '', changed: [] },
    ...{ assurance: 'signed', holds: true, executor: ADA, assistant: null },
    ...{ onBehalfOf: null, execution: `old-${id}`, started: '2026-11-22T09:00:00.000Z' },
    ...{ activity: 'training', model: null, firstSealedBy: ADA, firstSealedAt: null },
    ...{ stamp: null, ...change }
  };
}

/** Ada's cell ended just now, as the event channel tells. */
export function ran(cell: string, change: Partial<Execution> = {}): Execution {
  return {
    ...{ kernel: KERNEL, request: 'r', execution: `new-${cell}`, cell, mlo: ADA.id },
    ...{ assistant: null, activity: 'training', model: null, status: 'ok', count: 1 },
    ...{ started: '2026-11-22T10:00:00.000Z', ...change }
  };
}

/** A mandate of Ada's for `train.ipynb`. */
export function mandateOf(change: Partial<Mandate> = {}): Mandate {
  return {
    ...{ id: 'a'.repeat(64), mlo: ADA, notBefore: '2026-11-22T09:00:00Z' },
    ...{ notAfter: '2026-12-22T09:00:00Z', secondsLeft: 30 * 86_400, state: 'in-force' },
    ...{
      soon: false,
      left: 19,
      key: 'kept',
      file: '/home/ada/x.mandate',
      fileInShell: '~/x.mandate',
      replaces: null
    },
    scope: {
      ...{ notebook: 'train.ipynb', code: ['c'.repeat(64)], activities: ['training'] },
      ...{ models: ['loan'], uses: 20, runner: null },
      parameters: [{ name: 'alpha', values: null, low: 0.1, high: 0.5, integers: false }]
    },
    ...change
  };
}

/** A server with one user, Ada, as the front end sees it. */
export class Server implements Api, INews {
  readonly executed = new Signal<this, Execution>(this);
  readonly acted = new Signal<this, Act>(this);
  known: Somebody[] = [ADA];
  down = false;
  /** Set: the next answers wait for it. */
  gate: Promise<void> | null = null;
  files: Record<string, NotebookVerdict> = {};
  /** What {@link marks} answers, and who asked. */
  seen: Execution[] = [];
  looks = 0;
  sealed: string[] = [];
  entries = 3;
  /** Entries of a page, and what is special at an index. */
  page = 2;
  entry: (index: number) => Partial<HistoryEntry> = () => ({});
  shared = false;
  problems: string[] = [];
  teams: Somebody[] = [];
  /** Statements that were asked for, and of which notebook. */
  read: string[] = [];
  /** Mandates, what was wished, and what was done to them. */
  held: Mandate[] = [];
  wished: Wish[] = [];
  done: string[] = [];
  private session: Me['session'] = null;
  private mlo: Somebody | null = null;

  me: Api['me'] = () =>
    this.answer(() => ({
      user: { username: 'ada', name: 'Ada', shared: this.shared },
      mlo: this.mlo,
      assurance: this.mlo && 'signed',
      session: this.session,
      known: this.known,
      teams: this.mlo ? this.teams : [],
      activities: ['exploration', 'training', 'review'],
      problems: this.problems,
      identityRequired: false,
      stampsOnSave: true
    }));

  login: Api['login'] = async ({ mlo, passphrase, hours, activity, model }) => {
    if (passphrase !== PASSPHRASE) {
      throw new RequestError(
        'The passphrase does not open this key',
        'try again',
        'wrong-passphrase',
        403
      );
    }
    this.mlo = this.known.find(each => each.id === mlo) ?? null;
    this.session = {
      delegation: 's1',
      activity: activity ?? 'exploration',
      model: model ?? null,
      onBehalfOf: null,
      assistant: null,
      expires: '2026-11-22T18:00:00Z',
      secondsLeft: (hours ?? 8) * 3600
    };
    return this.me();
  };

  logout: Api['logout'] = async () => {
    this.session = this.mlo = null;
    return this.me();
  };

  renew: Api['renew'] = async ({ hours, onBehalfOf }) => {
    if (this.session) {
      const team = this.teams.find(each => each.id === onBehalfOf) ?? null;
      this.session = {
        ...this.session,
        onBehalfOf: onBehalfOf === undefined ? this.session.onBehalfOf : team,
        secondsLeft: (hours ?? 8) * 3600
      };
    }
    return this.me();
  };

  act: Api['act'] = async ({ activity, model }) => {
    if (this.session) {
      const { session } = this;
      this.session = {
        ...session,
        activity: activity ?? session.activity,
        model: model ?? session.model
      };
    }
    return this.me();
  };

  enroll: Api['enroll'] = async ({ name, passphrase }) => {
    const id = 'mlo:0000-0000-000D';
    this.known = [...this.known, { ...ADA, id, name }];
    return this.login({ mlo: id, passphrase: passphrase && PASSPHRASE });
  };

  backUp: Api['backUp'] = ({ passphrase }) =>
    this.answer(() => {
      if (passphrase !== PASSPHRASE) {
        throw new RequestError(
          'It does not open this key',
          null,
          'wrong-passphrase',
          403
        );
      }
      return { name: 'key.backup', content: 'sealed' };
    });

  verdict: Api['verdict'] = path =>
    this.answer(() => this.files[path] ?? verdictOn(path));

  changes: Api['changes'] = path =>
    this.answer(() => ({
      path,
      since: null,
      by: null,
      changes: ['cell 1: new'],
      shown: 'f'.repeat(64)
    }));

  history: Api['history'] = (path, before) =>
    this.answer(() => {
      const from = before === null ? this.entries : before;
      const page = Array.from({ length: Math.min(this.page, from) }, (_, at) => ({
        ...{
          index: from - 1 - at,
          statement: `${from - 1 - at}`.repeat(64),
          kind: 'seal'
        },
        ...{ who: ADA, assistant: null, meaning: 'reviewed', activity: null },
        ...{ time: `2026-11-22T10:${10 + from - at}:00Z`, ...this.entry(from - 1 - at) }
      }));
      return { path, notebook: 'urn:x', entries: page, more: from > this.page };
    });

  seal: Api['seal'] = ({ path, meaning, shown }) =>
    this.answer(() => {
      this.sealed.push(`${path} ${meaning ?? ''} ${shown.slice(0, 2)}`);
      return { path, meaning: meaning ?? 'held', seconds: 60 };
    });

  statement: Api['statement'] = (statement, path) => {
    this.read.push(`${statement} ${path}`);
    return this.answer(() => ({
      ...{ statement, kind: 'seal', who: ADA, content: { said: 'this' } },
      ...{ assistant: null, onBehalfOf: null },
      ...{ chain: [{ predicateType: 'https://x/enrolment/v1' }], receipt: 'proof' },
      ...{ bundle: '{}\n', assurance: 'signed' }
    }));
  };

  marks: Api['marks'] = kernel =>
    this.answer(() => {
      this.looks += 1;
      const cells: Marks['cells'] = {};
      for (const { cell, mlo, ...rest } of this.seen) {
        const executor = this.known.find(each => each.id === mlo) ?? null;
        cells[cell ?? ''] = { ...rest, executor, assistant: null };
      }
      return { kernel, cells };
    });

  mandates: Api['mandates'] = () =>
    this.answer(() => ({ mandates: this.held, problems: [] }));

  preview: Api['preview'] = wish =>
    this.answer(() => {
      this.wished.push(wish);
      return {
        scope: { ...mandateOf().scope, models: wish.models ?? [] },
        hours: wish.hours,
        notebooks: [
          {
            path: 'train.ipynb',
            code: 'c'.repeat(64),
            parameters: [{ name: 'alpha', default: '0.1' }]
          }
        ],
        notes: [],
        shown: 'f'.repeat(64)
      };
    });

  makeMandate: Api['makeMandate'] = ({ wish, shown, handover, passphrase }) =>
    this.answer(() => {
      this.opened(passphrase);
      this.wished.push(wish);
      this.done.push(`make ${shown.slice(0, 2)} ${handover}`);
      const mandate = mandateOf();
      this.held = [mandate];
      const file = { name: 'mandate.mandate', content: '{}' };
      return { mandate, file: handover === 'kept' ? null : file };
    });

  renewMandate: Api['renewMandate'] = (id, { hours, passphrase }) =>
    this.answer(() => {
      this.opened(passphrase);
      this.done.push(`renew ${id.slice(0, 2)} ${hours}`);
      return { mandate: mandateOf(), file: null };
    });

  revokeMandate: Api['revokeMandate'] = (id, { reason, passphrase }) =>
    this.answer(() => {
      this.opened(passphrase);
      this.done.push(`revoke ${id.slice(0, 2)} ${reason ?? ''}`);
      this.held = this.held.map(each => ({ ...each, state: 'revoked' }));
      return mandateOf({ state: 'revoked' });
    });

  private opened(passphrase: string): void {
    if (passphrase !== PASSPHRASE) {
      throw new RequestError('It does not open this key', null, 'wrong-passphrase', 403);
    }
  }

  private async answer<T>(make: () => T): Promise<T> {
    if (this.down) {
      throw new RequestError('The server does not answer');
    }
    // What is answered is what was there when it was asked.
    const answer = make();
    await this.gate;
    return answer;
  }
}
