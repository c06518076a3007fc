import { Signal } from '@lumino/signaling';
import type { Api, Me, Mlo, NotebookRecords, NotebookVerdict } from '../src/api';
import type { Execution, IExecutions } from '../src/model';
import { RequestError } from '../src/request';

export const ADA: Mlo = {
  id: 'mlo:7K3D-9QXA-2MFB',
  name: 'Ada Sample',
  kind: 'person',
  colour: '#1b5e20',
  initials: 'AS'
};
export const PASSPHRASE = 'correct horse';

/** A server with one user, Ada, as the front end sees it. */
export class Server implements Api, IExecutions {
  readonly happened = new Signal<this, Execution>(this);
  known: Mlo[] = [ADA];
  down = false;
  /** Set: the next answers wait for it. */
  gate: Promise<void> | null = null;
  files: Record<string, NotebookVerdict> = {};
  live: Record<string, NotebookRecords> = {};
  shared = false;
  problems: string[] = [];
  private session: Me['session'] = null;
  private mlo: Mlo | null = null;

  me = (): Promise<Me> =>
    this.answer(() => ({
      user: { username: 'ada', name: 'Ada', anonymous: this.shared, shared: this.shared },
      mlo: this.mlo && { ...this.mlo, assurance: 'signed' },
      session: this.session,
      known: this.known,
      activities: ['exploration', 'training', 'review'],
      problems: this.problems
    }));

  login: Api['login'] = async ({ mlo, passphrase, hours, activity, model }) => {
    if (passphrase !== PASSPHRASE) {
      throw new RequestError(
        'The passphrase does not open this key',
        'try again',
        'wrong',
        403
      );
    }
    this.mlo = this.known.find(each => each.id === mlo) ?? null;
    this.session = {
      id: 's1',
      activity: activity ?? 'exploration',
      model: model ?? null,
      on_behalf_of: null,
      started: '2026-11-22T10:00:00Z',
      expires: '2026-11-22T18:00:00Z',
      seconds_left: hours * 3600
    };
    return this.me();
  };

  logout: Api['logout'] = async () => {
    this.session = this.mlo = null;
    return this.me();
  };

  renew: Api['renew'] = async ({ hours }) => {
    if (this.session) {
      this.session = { ...this.session, seconds_left: hours * 3600 };
    }
    return this.me();
  };

  present: Api['present'] = async presentation => {
    if (this.session) {
      this.session = { ...this.session, ...presentation };
    }
    return this.me();
  };

  enroll: Api['enroll'] = async ({ name }) => {
    this.known = [...this.known, { ...ADA, id: 'mlo:0000-0000-000D', name }];
    return this.me();
  };

  notebook = (path: string): Promise<NotebookVerdict> =>
    this.answer(
      () =>
        this.files[path] ?? {
          path,
          verdict: { words: 'no stamps', holds: false, sealed: false, as_of: null },
          cells: []
        }
    );

  records = (path: string): Promise<NotebookRecords> =>
    this.answer(() => this.live[path] ?? { cells: {} });

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
