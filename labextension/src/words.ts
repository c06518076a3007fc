import type { TranslationBundle } from '@jupyterlab/translation';
import type { Mark } from './model';

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

export type Sign = 'running' | 'proven' | 'differs' | 'refused' | 'nobody' | 'seen';

/** Which of the six signs a mark shows: a shape, never a colour alone. */
export function signOf(mark: Mark): Sign {
  if (mark.verdict === null) {
    return mark.status === 'running' ? 'running' : mark.executor ? 'seen' : 'nobody';
  }
  if (mark.verdict === 'verified' || mark.verdict.startsWith('source holds')) {
    return 'proven';
  }
  if (mark.verdict.startsWith('changed')) {
    return 'differs';
  }
  if (mark.verdict === 'unsealed') {
    return 'seen';
  }
  return mark.verdict === 'not valid here' ? 'refused' : 'nobody';
}

/** All that a mark knows, a line each: its tooltip and what screen readers say. */
export function describe(mark: Mark, trans: TranslationBundle): string {
  const { executor, activity, model, time, verdict, status } = mark;
  const lines: string[] = [];
  if (!executor) {
    lines.push(trans.__('Nobody answers for this execution'));
  } else if (executor.assistant_for) {
    lines.push(
      trans.__(
        'Executed by %1 (%2), for %3',
        executor.name,
        executor.id,
        executor.assistant_for
      )
    );
  } else {
    lines.push(trans.__('Executed by %1 (%2)', executor.name, executor.id));
  }
  if (activity) {
    lines.push(
      model
        ? trans.__('Activity: %1, model %2', activity, model)
        : trans.__('Activity: %1', activity)
    );
  }
  if (time) {
    const at = new Date(time);
    lines.push(Number.isNaN(at.valueOf()) ? time : at.toLocaleString());
  }
  if (verdict === null) {
    lines.push(
      status === 'running'
        ? trans.__('Running')
        : trans.__('Seen by the server, not saved yet')
    );
  } else {
    lines.push(trans.__('Verdict: %1', [verdict, ...mark.reasons].join('; ')));
  }
  return lines.join('\n');
}
