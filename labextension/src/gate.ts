import type { Model } from './model';

/** What happens when somebody runs a cell and nobody is signed in. */
export type Prompt = 'off' | 'remind' | 'require';

/** What the gate asks of the page. */
export interface IDoorkeeper {
  /** Once each time that nobody is signed in: cells run, and are nobody's. */
  remind(): void;
  /** Cells wait: ask for a sign-in, and give `refuse` to a button that gives them up. */
  ask(refuse: () => void): void;
  /** The question is answered. */
  answered(): void;
}

/** Lets cells run, reminds, or holds them until somebody is signed in. */
export class Gate {
  constructor(
    private readonly model: Model,
    private readonly prompt: () => Promise<Prompt>,
    private readonly doorkeeper: IDoorkeeper
  ) {
    model.changed.connect(() => {
      if (model.signedIn) {
        this.reminded = false;
        this.decide(true);
      }
    });
  }

  /** Whether the cell may run now; cells that wait pass in the order in which they came. */
  async pass(): Promise<boolean> {
    const prompt = this.model.signedIn ? 'off' : await this.prompt();
    // Asked after the wait: somebody may have signed in meanwhile.
    if (prompt !== 'require' || this.model.signedIn) {
      return true;
    }
    this.waiting ??= this.question();
    return this.waiting;
  }

  /** A cell runs, by whichever way it came: reminds, unless somebody is signed in. */
  async ran(): Promise<void> {
    const prompt = this.model.signedIn ? 'off' : await this.prompt();
    // While the server is still being asked, nobody knows that nobody is signed in.
    const unknown = this.model.who.state === 'loading';
    if (prompt === 'off' || this.model.signedIn || unknown || this.reminded) {
      return;
    }
    this.reminded = true;
    this.doorkeeper.remind();
  }

  private question(): Promise<boolean> {
    const answer = new Promise<boolean>(resolve => (this.resolve = resolve));
    this.doorkeeper.ask(() => {
      this.decide(false);
    });
    return answer;
  }

  private decide(pass: boolean): void {
    const resolve = this.resolve;
    if (resolve) {
      this.resolve = this.waiting = null;
      this.doorkeeper.answered();
      resolve(pass);
    }
  }

  private waiting: Promise<boolean> | null = null;
  private resolve: ((pass: boolean) => void) | null = null;
  private reminded = false;
}
