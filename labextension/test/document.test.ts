import { linesOf } from '../src/document';
import { moment, span } from '../src/words';

it('asks a cell for its source only where a line of it is shown, and then anew', () => {
  let asked = 0;
  let source = '\n  first = 1\nsecond = 2';
  const cell = {
    getId: () => 'a',
    cell_type: 'code',
    get source() {
      asked += 1;
      return source;
    }
  };
  const [line, other] = linesOf([cell, cell]);
  expect([line?.id, line?.kind, line?.position, other?.position]).toEqual([
    'a',
    'code',
    1,
    2
  ]);
  expect(asked).toBe(0);
  expect(line?.text).toBe('first = 1');
  expect(asked).toBe(1);
  source = 'edited';
  expect(line?.text).toBe('edited');
});

it('writes a moment as this reader does', () => {
  const text = '2026-11-22T21:05:09Z';
  expect(moment(text)).toBe(new Date(text).toLocaleString());
  expect(moment('no moment')).toBe('no moment');
});

it('writes a span of time with its day once', () => {
  const said = span('2026-11-22T12:02:00Z', '2026-11-22T12:40:00Z');
  expect(said.match(/2026/g)).toHaveLength(1);
  expect(said).toMatch(/:02.*:40/);
  expect(span('2026-11-22T12:40:00Z', '2026-11-22T12:02:00Z')).toBe(said);
  expect(
    span('2026-11-20T12:00:00Z', '2026-11-22T12:00:00Z').match(/2026/g)
  ).toHaveLength(2);
  expect(span('', 'no moment')).toBe('no moment');
});
