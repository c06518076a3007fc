import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type {
  Acting,
  Api,
  BackupFile,
  Enrolling,
  KeyBackup,
  Login,
  Me,
  Renewal
} from './api';
import type { Asked } from './asks';
import type { Act, Execution, INews } from './events';
import { MandateList } from './mandates';
import { NotebookModel } from './notebook';
import { People } from './people';
import { asRequestError, type RequestError } from './request';

/** What is shown of who you are. */
export type Who =
  | { state: 'loading' }
  | { state: 'failed'; error: RequestError }
  | { state: 'ready'; me: Me };

/** Who you are, and what is known of the notebooks that are open. */
export class Model implements IDisposable {
  constructor(
    readonly api: Api,
    news: INews,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now
  ) {
    this.mandates = new MandateList(api, news);
    news.executed.connect(this.onExecuted, this);
    news.acted.connect(this.onActed, this);
  }

  readonly mandates: MandateList;

  /** Names and colours of all that were heard of. */
  readonly people = new People();

  /** Who you are has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The server has something to say to whoever sits here. */
  get noticed(): ISignal<this, string> {
    return this._noticed;
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
    return Math.max(0, session.secondsLeft - (this.now() - this._told) / 1000);
  }

  /** What a cell has asked for in advance with `%mlo_login`, until somebody answers. */
  get asked(): Asked | null {
    return this._asked;
  }

  set asked(asked: Asked | null) {
    this._asked = asked;
    this._changed.emit();
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    Signal.clearData(this);
    this.mandates.dispose();
    for (const notebook of this._notebooks) {
      notebook.dispose();
    }
    this._notebooks.clear();
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
  async login(form: Login): Promise<void> {
    this.tell(await this.api.login(form), true);
  }

  async logout(): Promise<void> {
    this.tell(await this.api.logout());
  }

  async renew(form: Renewal): Promise<void> {
    this.tell(await this.api.renew(form));
  }

  async act(form: Acting): Promise<void> {
    this.tell(await this.api.act(form), true);
  }

  /** Enrols and signs in; the new MLO's ID. */
  async enroll(form: Enrolling): Promise<string | null> {
    const me = await this.api.enroll(form);
    this.tell(me);
    return me.mlo?.id ?? null;
  }

  /** The key of who is signed in, encrypted. */
  backUp(form: KeyBackup): Promise<BackupFile> {
    return this.api.backUp(form);
  }

  /** What is known of the notebook at a path, followed until it is disposed. */
  open(path: string): NotebookModel {
    const notebook = new NotebookModel(path, this.api, this.people);
    this._notebooks.add(notebook);
    notebook.disposed.connect(() => this._notebooks.delete(notebook));
    return notebook;
  }

  private onExecuted(_: unknown, execution: Execution): void {
    for (const notebook of this._notebooks) {
      if (notebook.kernel === execution.kernel) {
        notebook.saw(execution);
      }
    }
    // Somebody has signed in with `%mlo_login`, or out: the account's session is everybody's here.
    const me = this.me;
    if (me?.user.shared && execution.mlo !== (me.mlo?.id ?? null)) {
      this.refreshSoon();
    }
  }

  private onActed(_: unknown, { act, path, detail }: Act): void {
    if (act === 'notice') {
      this._noticed.emit(detail);
    } else if (act !== 'seal') {
      this.refreshSoon();
    } else {
      for (const notebook of this._notebooks) {
        if (notebook.path === path) {
          notebook.sealed();
        }
      }
    }
  }

  /** Once, shortly: news come in bursts. */
  private refreshSoon(): void {
    this._due ??= setTimeout(() => {
      this._due = null;
      if (!this._disposed) {
        void this.refresh();
      }
    }, 300);
  }

  private tell(me: Me, answered = false): void {
    this._told = this.now();
    if (answered) {
      this._asked = null;
    }
    this.people.learn(me.mlo, ...me.known, ...me.teams);
    this.set({ state: 'ready', me });
  }

  private set(who: Who): void {
    if (!this._disposed) {
      this._who = who;
      this._changed.emit();
    }
  }

  private _who: Who = { state: 'loading' };
  private _asked: Asked | null = null;
  private _told = 0;
  private _due: ReturnType<typeof setTimeout> | null = null;
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _noticed = new Signal<this, string>(this);
  private readonly _notebooks = new Set<NotebookModel>();
}
