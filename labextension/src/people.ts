import type { Somebody } from './api';

/** Names and colours by MLO ID: events name nobody. */
export class People {
  learn(...people: readonly (Somebody | null)[]): void {
    for (const each of people) {
      if (each) {
        this._known.set(each.id, each);
      }
    }
  }

  knows(id: string | null): boolean {
    return id === null || this._known.has(id);
  }

  /** Who that is; of a stranger the ID has to do until the server is asked. */
  find(id: string | null): Somebody | null {
    if (id === null) {
      return null;
    }
    const initials = id.replace(/^mlo:/, '').slice(0, 2).toUpperCase();
    return this._known.get(id) ?? { id, name: null, kind: null, colour: '', initials };
  }

  private readonly _known = new Map<string, Somebody>();
}
