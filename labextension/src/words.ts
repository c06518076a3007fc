import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type CellVerdict,
  nameOf,
  type NotebookVerdict,
  type Somebody,
  type Summary
} from './api';
import type { Mark } from './mark';

/** How long a session still has, in hours and minutes; a minute that has begun counts. */
export function timeLeft(seconds: number, trans: TranslationBundle): string {
  const minutes = Math.ceil(seconds / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (!hours) {
    return trans.__('%1 min', minutes);
  }
  return rest ? trans.__('%1 h %2 min', hours, rest) : trans.__('%1 h', hours);
}

/** How long something lasts or still has, in words; in days where it is two or more. */
export function lasting(seconds: number, trans: TranslationBundle): string {
  const days = Math.round(seconds / 86_400);
  return seconds < 2 * 86_400
    ? timeLeft(seconds, trans)
    : trans._n('%1 day', '%1 days', days);
}

/** As `toLocaleString` writes it, which would look up the language at each of 1,000 cells. */
const WRITTEN = new Intl.DateTimeFormat(undefined, {
  ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
  ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' }
});

/** A moment as this reader writes it; what is no moment stays as it came. */
export function moment(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.valueOf()) ? text : WRITTEN.format(at);
}

const SPANNED = new Intl.DateTimeFormat(undefined, {
  ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
  ...{ hour: 'numeric', minute: 'numeric' }
});

/** From one moment to another as this reader writes it; of one day, the day once. */
export function span(from: string, to: string): string {
  const [begin, end] = [new Date(from), new Date(to)];
  if ([begin, end].some(at => Number.isNaN(at.valueOf()))) {
    return [from, to].filter(Boolean).map(moment).join(' – ');
  }
  // A clock that was set back is no reason to fail.
  return begin <= end ? SPANNED.formatRange(begin, end) : SPANNED.formatRange(end, begin);
}

/**
 * The server's stable words (verdicts, kinds, assurances, activities, meanings) in the reader's
 * language. What is none of them stays as it came: activities may be an organisation's own.
 */
export function term(code: string, trans: TranslationBundle): string {
  let terms = TERMS.get(trans);
  if (!terms) {
    terms = termsIn(trans);
    TERMS.set(trans, terms);
  }
  return terms.get(code) ?? code;
}

const TERMS = new WeakMap<TranslationBundle, ReadonlyMap<string, string>>();

function termsIn(trans: TranslationBundle): ReadonlyMap<string, string> {
  return new Map([
    ['verified', trans.__('verified')],
    ['changed since', trans.__('changed since')],
    ['unsealed', trans.__('unsealed')],
    ['unstamped', trans.__('unstamped')],
    ['unattributed', trans.__('unattributed')],
    ['source holds, outputs removed', trans.__('source holds, outputs removed')],
    ['not valid here', trans.__('not valid here')],
    ['source', trans.__('source')],
    ['outputs', trans.__('outputs')],
    ['person', trans.__('person')],
    ['team', trans.__('team')],
    ['service', trans.__('service')],
    ['assistant', trans.__('assistant')],
    ['claimed', trans.__('claimed')],
    ['signed', trans.__('signed')],
    ['enrolled', trans.__('enrolled')],
    ['witnessed', trans.__('witnessed')],
    ['training', trans.__('training')],
    ['validation', trans.__('validation')],
    ['deployment', trans.__('deployment')],
    ['monitoring', trans.__('monitoring')],
    ['maintenance', trans.__('maintenance')],
    ['review', trans.__('review')],
    ['compliance', trans.__('compliance')],
    ['exploration', trans.__('exploration')],
    ['held', trans.__('held')],
    ['authored', trans.__('authored')],
    ['reviewed', trans.__('reviewed')],
    ['approved', trans.__('approved')],
    ['seal', trans.__('seal')],
    ['stamp', trans.__('stamp')],
    ['run', trans.__('run')]
  ]);
}

/** What a seal of that meaning says, as a sentence; empty for meanings of later versions. */
export function meant(meaning: string, trans: TranslationBundle): string {
  switch (meaning) {
    case 'held':
      return trans.__(
        '“held” means: this is what was there when it was saved. It does not say that anybody has checked it.'
      );
    case 'authored':
      return trans.__('“authored” means: who sealed it says that they wrote it.');
    case 'reviewed':
      return trans.__('“reviewed” means: who sealed it says that they have checked it.');
    case 'approved':
      return trans.__('“approved” means: who sealed it says that they agree to its use.');
    default:
      return '';
  }
}

/** The verdict on a whole notebook as one plain sentence. */
export function summaryOf(summary: Summary, trans: TranslationBundle): string {
  const { code, cells, others = 0 } = summary;
  switch (code) {
    case 'nothing-executed':
      return trans.__('Nothing was executed yet, so there is nothing to vouch for.');
    case 'unread':
      return trans.__('What the verdict must rest on could not be read here.');
    case 'holds':
      return trans._n(
        'Everything is as it was sealed; %1 executed cell is attributed.',
        'Everything is as it was sealed; %1 executed cells are attributed.',
        cells
      );
    case 'changed': {
      const changed = trans._n(
        '%1 cell changed since somebody answered for it.',
        '%1 cells changed since somebody answered for them.',
        cells
      );
      const also = trans._n(
        '%1 more cannot be vouched for.',
        '%1 more cannot be vouched for.',
        others
      );
      return others ? `${changed} ${also}` : changed;
    }
    case 'not-sealed':
      return trans.__('Not sealed yet. Saving seals it while you are signed in.');
    case 'failing':
      return trans._n(
        '%1 cell cannot be vouched for.',
        '%1 cells cannot be vouched for.',
        cells
      );
  }
}

/** Cells that are named one by one where not all of them are. */
export const NAMED = 5;

/** Numbers of cells, so many that a sentence remains one. */
export function numbers(all: readonly number[], trans: TranslationBundle): string {
  const named = all.slice(0, NAMED).join(', ');
  const more = all.length - NAMED;
  return more > 0 ? trans.__('%1 and %2 more', named, more) : named;
}

/** The cells that {@link summaryOf} counts where it counts what does not hold, changed ones first. */
export function blamedBy({ summary, cells }: NotebookVerdict): CellVerdict[] {
  const failing = cells.filter(cell => !cell.holds);
  switch (summary.code) {
    case 'changed': {
      const changed = cells.filter(cell => cell.changed.length);
      return [...changed, ...failing.filter(cell => !cell.changed.length)];
    }
    case 'failing':
      return failing;
    default:
      return [];
  }
}

export type Sign =
  'running' | 'proven' | 'differs' | 'refused' | 'nobody' | 'seen' | 'none';

/** A shape for each sign, never a colour alone; the words stand beside it or in the label. */
export const SHAPES: Record<Sign, string> = {
  running: '…',
  proven: '✓',
  differs: '≠',
  refused: '✕',
  nobody: '?',
  seen: '○',
  none: ''
};

/** Which sign a mark shows; `none` at a cell that never ran and of which nothing is wrong. */
export function signOf(mark: Mark): Sign {
  if (mark.verdict === null) {
    if (mark.status === 'running') {
      return 'running';
    }
    return mark.executor && mark.status !== 'lost' ? 'seen' : 'nobody';
  }
  if (
    !mark.executor &&
    !mark.execution &&
    ['verified', 'unsealed'].includes(mark.verdict)
  ) {
    return 'none';
  }
  if (mark.verdict === 'verified' || mark.verdict.startsWith('source holds')) {
    return 'proven';
  }
  if (mark.verdict.startsWith('changed')) {
    return 'differs';
  }
  if (mark.verdict === 'not valid here') {
    return 'refused';
  }
  return mark.executor ? 'seen' : 'nobody';
}

/** How a cell stands, in a few words. */
export function verdictOf(mark: Mark, trans: TranslationBundle): string {
  if (mark.verdict !== null) {
    return [mark.verdict, ...mark.changed].map(code => term(code, trans)).join(': ');
  }
  switch (mark.status) {
    case 'running':
      return trans.__('running');
    case 'lost':
      return trans.__('its record was lost');
    case 'aborted':
      return trans.__('aborted');
    default:
      return mark.executor ? trans.__('not saved yet') : trans.__('nobody signed in');
  }
}

/** Who answers, with the assistant that acted and the team that it was for. */
export function acting(
  by: { who: Somebody; assistant: Somebody | null; onBehalfOf?: Somebody | null },
  trans: TranslationBundle
): string {
  const { who, assistant, onBehalfOf } = by;
  const one = assistant
    ? trans.__('%1 through the assistant %2', nameOf(who), nameOf(assistant))
    : nameOf(who);
  return onBehalfOf ? trans.__('%1 on behalf of %2', one, nameOf(onBehalfOf)) : one;
}

/** All that a mark knows, a line each: its tooltip and what screen readers say. */
export function describe(mark: Mark, trans: TranslationBundle): string {
  const { executor, assistant, onBehalfOf, activity, model, started, verdict } = mark;
  const lines: string[] = [];
  if (executor) {
    lines.push(trans.__('Executed by %1 (%2)', nameOf(executor), executor.id));
  } else {
    lines.push(trans.__('Nobody answers for this execution'));
  }
  if (assistant) {
    lines.push(trans.__('by the assistant %1 (%2)', nameOf(assistant), assistant.id));
  }
  if (onBehalfOf) {
    lines.push(trans.__('on behalf of %1 (%2)', nameOf(onBehalfOf), onBehalfOf.id));
  }
  if (activity) {
    lines.push(
      model
        ? trans.__('Activity: %1, model %2', term(activity, trans), model)
        : trans.__('Activity: %1', term(activity, trans))
    );
  }
  if (started) {
    lines.push(moment(started));
  }
  lines.push(
    verdict === null
      ? trans.__('Seen by the server: %1', verdictOf(mark, trans))
      : trans.__('Verdict: %1', verdictOf(mark, trans))
  );
  if (mark.reason) {
    lines.push(mark.reason);
  }
  return lines.join('\n');
}
