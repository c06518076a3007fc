import type { TranslationBundle } from '@jupyterlab/translation';
import { nameOf } from './api';
import type { Mark } from './mark';

/** How long a session still has, in words. */
export function timeLeft(seconds: number, trans: TranslationBundle): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) {
    return trans._n('%1 minute', '%1 minutes', minutes);
  }
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  const whole = trans._n('%1 hour', '%1 hours', hours);
  return rest && hours < 3
    ? `${whole} ${trans._n('%1 minute', '%1 minutes', rest)}`
    : whole;
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
    return [mark.verdict, ...mark.changed].join(': ');
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
        ? trans.__('Activity: %1, model %2', activity, model)
        : trans.__('Activity: %1', activity)
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
