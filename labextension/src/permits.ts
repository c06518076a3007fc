import type { TranslationBundle } from '@jupyterlab/translation';
import type { Mandate, MandateParameter, MandateScope } from './api';
import { lasting, moment, term } from './words';

/** What a mandate permits, in sentences that whoever signs it can check. */
export function sentences(scope: MandateScope, trans: TranslationBundle): string[] {
  const any = (names: string[]): boolean => names.length === 1 && names[0] === '*';
  const count = scope.code.length;
  const of = any(scope.code)
    ? trans.__('Runs of any notebook.')
    : count === 1
      ? trans.__('Runs of %1 as it is now, and not of a changed one.', scope.notebook)
      : trans.__(
          'Runs of %1 as they are now, and not of changed or other ones.',
          scope.notebook
        );
  const activities = any(scope.activities)
    ? trans.__('For any activity.')
    : trans.__('For: %1.', scope.activities.map(each => term(each, trans)).join(', '));
  const models = any(scope.models)
    ? trans.__('Of any model.')
    : scope.models.length
      ? trans.__('Of the model %1.', scope.models.join(', '))
      : trans.__('Of no model.');
  return [of, activities, models, parametersOf(scope, trans), usesOf(scope, trans)];
}

function parametersOf({ parameters }: MandateScope, trans: TranslationBundle): string {
  if (parameters === null) {
    return trans.__('With any parameters.');
  }
  return parameters.length
    ? trans.__(
        'With these parameters and no others: %1.',
        parameters.map(each => parameterOf(each, trans)).join('; ')
      )
    : trans.__('With the parameters that stand in it, and no others.');
}

/** One parameter and what it may be. */
export function parameterOf(
  { name, values, low, high, integers }: MandateParameter,
  trans: TranslationBundle
): string {
  if (values !== null) {
    return trans.__('%1 = %2', name, values.join(trans.__(' or ')));
  }
  if (low === null && high === null) {
    return trans.__('%1 (any value)', name);
  }
  const kind = integers ? trans.__('whole numbers') : trans.__('numbers');
  if (low === null) {
    return trans.__('%1 (%2 up to %3)', name, kind, high);
  }
  return high === null
    ? trans.__('%1 (%2 from %3 on)', name, kind, low)
    : trans.__('%1 (%2 from %3 to %4)', name, kind, low, high);
}

function usesOf({ uses }: MandateScope, trans: TranslationBundle): string {
  return uses === null
    ? trans.__('Any number of times.')
    : trans._n('At most %1 time.', 'At most %1 times.', uses);
}

/** Until when one that is made now would hold. */
export function until(hours: number, now: number, trans: TranslationBundle): string {
  const end = new Date(now + hours * 3_600_000).toISOString();
  return trans.__('Until %1: %2 from now.', moment(end), lasting(hours * 3600, trans));
}

/** How a mandate stands, in a few words. */
export function standing(mandate: Mandate, trans: TranslationBundle): string {
  switch (mandate.state) {
    case 'revoked':
      return trans.__('revoked');
    case 'ended':
      return trans.__('ended %1', moment(mandate.notAfter));
    case 'begins':
      return trans.__('begins %1', moment(mandate.notBefore));
    case 'used-up':
      return trans.__('used up');
    case 'in-force':
      return mandate.soon
        ? trans.__('ends soon: %1 left', lasting(mandate.secondsLeft, trans))
        : trans.__('in force, %1 left', lasting(mandate.secondsLeft, trans));
  }
}

/** How many uses are left, in a few words; empty where there is no limit, or it is over. */
export function usesLeft(
  { left, scope, state }: Mandate,
  trans: TranslationBundle
): string {
  if (scope.uses === null || state === 'revoked' || state === 'ended') {
    return '';
  }
  return left === null
    ? trans._n('%1 use', '%1 uses', scope.uses)
    : trans.__('%1 of %2 uses left', left, scope.uses);
}
