import { nullTranslator } from '@jupyterlab/translation';
import { type Mark, markOf } from '../src/mark';
import { paint } from '../src/colour';
import { element } from '../src/widgets/marks';
import { describe as tell, signOf, timeLeft } from '../src/words';
import { ADA } from './server';

const trans = nullTranslator.load('jupyter_mlo');
const SEEN = {
  ...{ execution: 'e', request: 'r', executor: ADA, assistant: null, count: 1 },
  ...{ activity: 'training', model: 'credit@2', status: 'ok', started: '' }
};
const MARK: Mark = { ...markOf(SEEN), verdict: 'verified' };

it.each([
  [{}, 'proven'],
  [{ verdict: 'source holds, outputs removed' }, 'proven'],
  [{ verdict: 'changed since' }, 'differs'],
  [{ verdict: 'not valid here' }, 'refused'],
  [{ verdict: 'unsealed' }, 'seen'],
  [{ verdict: 'a word of a later version' }, 'seen'],
  [{ verdict: 'unsealed', executor: null, execution: null }, 'none'],
  [{ verdict: 'verified', executor: null, execution: null }, 'none'],
  [{ verdict: 'unattributed', executor: null, execution: null }, 'nobody'],
  [{ verdict: null }, 'seen'],
  [{ verdict: null, status: 'lost' }, 'nobody'],
  [{ verdict: null, executor: null }, 'nobody'],
  [{ verdict: null, status: 'running' }, 'running']
])('shows %j as %s', (change, sign) => {
  expect(signOf({ ...MARK, ...change })).toBe(sign);
});

it('says who, for what and how it stands', () => {
  const mark = { ...MARK, verdict: 'changed since', changed: ['outputs'] };
  expect(tell(mark, trans)).toBe(
    'Executed by Ada Sample (mlo:7K3D-9QXA-2MFB)\nActivity: training, model credit@2\n' +
      'Verdict: changed since: outputs'
  );
});

it('names an assistant, and for whom it was', () => {
  const helper = { ...ADA, kind: 'assistant', name: 'Helper Sample' };
  const team = { ...ADA, kind: 'team', name: 'Team Sample' };
  const told = tell({ ...MARK, assistant: helper, onBehalfOf: team }, trans);
  expect(told).toContain('by the assistant Helper Sample');
  expect(told).toContain('on behalf of Team Sample');
});

it('keeps names and initials text', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const node = element(
    { ...MARK, executor: { ...ADA, name: evil, initials: evil } },
    trans
  );
  expect(node.querySelector('img')).toBeNull();
  expect(node.textContent).toContain(evil);
  expect(node.getAttribute('aria-label')).toContain(evil);
});

it('takes nothing but a plain colour from a profile', () => {
  expect(paint('#1b5e20')).toEqual({ backgroundColor: '#1b5e20', color: '#ffffff' });
  expect(paint('#ffee58').color).toBe('#000000');
  expect(paint('url(//example.org)').backgroundColor).toBe('var(--jp-layout-color3)');
});

it.each([
  [0, '0 min'],
  [30, '1 min'],
  [3_540, '59 min'],
  [3_599, '1 h'],
  [5_400, '1 h 30 min'],
  [28_740, '7 h 59 min'],
  [28_800, '8 h']
])('says %s s as %s', (seconds, words) => {
  expect(timeLeft(seconds, trans)).toBe(words);
});
