import type { CellVerdict, LiveMark, Somebody } from './api';

/** What is known of one cell: by verifying the file, or by what the server saw since. */
export interface Mark {
  executor: Somebody | null;
  assistant: Somebody | null;
  onBehalfOf: Somebody | null;
  activity: string | null;
  model: string | null;
  /** RFC 3339. */
  started: string | null;
  execution: string | null;
  /** `running`, `ok`, `error`, `aborted`, `lost`. */
  status: string;
  /** null for what ran since the notebook was saved. */
  verdict: string | null;
  reason: string;
  changed: string[];
  assurance: string | null;
  /** Statement ID of its stamp. */
  stamp: string | null;
}

/** What the server saw, as a mark. */
export function markOf(live: LiveMark): Mark {
  const { executor, assistant, activity, model, started, execution, status } = live;
  return {
    ...{ executor, assistant, activity, model, started, execution, status },
    ...{ onBehalfOf: null, verdict: null, reason: '', changed: [] },
    ...{ assurance: null, stamp: null }
  };
}

/** What verifying found, as a mark. */
export function provenOf(cell: CellVerdict): Mark {
  const { executor, assistant, onBehalfOf, activity, model, started, execution } = cell;
  const { verdict, reason, changed, assurance, stamp } = cell;
  return {
    ...{ executor, assistant, onBehalfOf, activity, model, started, execution },
    ...{ status: 'ok', verdict, reason, changed, assurance, stamp }
  };
}

/**
 * A mark as the open document has its cell now, which no save has kept yet.
 *
 * @param holds - whether the cell has the source that was executed; null where that is not known.
 */
export function asItStands(mark: Mark, holds: boolean | null): Mark {
  const { executor, status, verdict, changed } = mark;
  if (
    holds === null ||
    !executor ||
    status === 'running' ||
    status === 'lost' ||
    verdict === 'not valid here' ||
    holds !== changed.includes('source')
  ) {
    return mark;
  }
  if (!holds) {
    const all = ['source', ...changed];
    return { ...mark, verdict: 'changed since', changed: all, reason: '' };
  }
  // The file has another source, and the document what was executed: saving would tell.
  const alone = verdict === 'changed since' && changed.length === 1;
  return alone ? { ...mark, verdict: null, changed: [], reason: '' } : mark;
}
