/** Executions of a cell whose sources are kept: the one in the file, and those that run. */
const KEPT = 3;

interface Executed {
  execution: string;
  /** null where only other source than the executed one was ever seen here. */
  source: string | null;
}

/** With which source cells were executed, as far as this window saw, and whether they still have it. */
export class Edits {
  /** The document is there. Its sources are kept until {@link settle}. */
  loaded(
    cells: readonly string[],
    read: (cell: string) => string | undefined = () => undefined
  ): void {
    this._read = read;
    for (const cell of cells) {
      const source = read(cell);
      if (source !== undefined) {
        this._loaded.set(cell, source);
      }
    }
  }

  /** All executions of the file are known: how it was when it was opened matters no more. */
  settle(): void {
    this._loaded.clear();
  }

  /** A cell is about to be executed as it stands. */
  sent(cell: string): void {
    const source = this._read(cell);
    if (source !== undefined) {
      this._sent.set(cell, source);
    }
  }

  /** The server saw an execution; only the first time counts. */
  ran(cell: string, execution: string): void {
    if (!this.known(cell, execution)) {
      this.keep(cell, execution, this._sent.get(cell) ?? this._read(cell));
      this._sent.delete(cell);
    }
  }

  /** The file tells of an execution, and whether it still has the executed source. */
  proven(cell: string, execution: string, sourceHolds: boolean): void {
    if (!this.known(cell, execution)) {
      const source = this._loaded.get(cell) ?? this._read(cell);
      this.keep(cell, execution, sourceHolds ? source : null);
    }
  }

  /** Somebody typed in a cell, or took it back. */
  touched(cell: string): void {
    const source = this._read(cell);
    if (source === undefined) {
      this._now.delete(cell);
    } else {
      this._now.set(cell, source);
    }
  }

  /** Whether a cell that was touched has the executed source; null where nobody can say here. */
  holds(cell: string, execution: string | null): boolean | null {
    const now = this._now.get(cell);
    if (now === undefined || execution === null) {
      return null;
    }
    const source = this.known(cell, execution)?.source ?? null;
    return source === null ? null : source === now;
  }

  private known(cell: string, execution: string): Executed | undefined {
    return this._executed.get(cell)?.find(each => each.execution === execution);
  }

  private keep(cell: string, execution: string, source: string | null | undefined): void {
    if (source !== undefined) {
      const all = [...(this._executed.get(cell) ?? []), { execution, source }];
      this._executed.set(cell, all.slice(-KEPT));
    }
  }

  private _read: (cell: string) => string | undefined = () => undefined;
  private readonly _loaded = new Map<string, string>();
  private readonly _sent = new Map<string, string>();
  private readonly _now = new Map<string, string>();
  private readonly _executed = new Map<string, Executed[]>();
}
