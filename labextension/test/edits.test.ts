import { nullTranslator } from '@jupyterlab/translation';
import { asItStands, type Mark, provenOf } from '../src/mark';
import { Model } from '../src/model';
import type { NotebookModel } from '../src/notebook';
import { element } from '../src/widgets/marks';
import { KERNEL, ran, Server, verdictOn, verified } from './server';

const PATH = 'train.ipynb';
const trans = nullTranslator.load('jupyter_mlo');

/** A notebook of cell `a`, whose file is verified, and a hand to type in it. */
async function opened(change: Parameters<typeof verified>[1] = {}) {
  const server = new Server();
  server.files[PATH] = verdictOn(PATH, verified('a', change), verified('b'));
  const model = new Model(server, server);
  await model.refresh();
  const notebook = model.open(PATH);
  await notebook.runsIn(KERNEL);
  const sources = new Map([
    ['a', 'x = 1'],
    ['b', 'y = 1']
  ]);
  notebook.loaded([...sources.keys()], cell => sources.get(cell));
  await notebook.verify();
  const touched: string[][] = [];
  notebook.changed.connect((_, cells) => touched.push([...cells]));
  const type = (source: string): void => {
    sources.set('a', source);
    notebook.edited(['a']);
  };
  return { server, notebook, type, touched };
}

/** What stands at the cell: its shape, and what is read out. */
function seen(notebook: NotebookModel): string {
  const node = element(notebook.mark('a') as Mark, trans);
  const lines = node.getAttribute('aria-label')?.split('\n') ?? [];
  return `${node.querySelector('.jp-mlo-sign')?.textContent ?? ''} ${lines.at(-1) ?? ''}`;
}

it('shows an edited cell as changed at once, and as before when that is undone', async () => {
  const { notebook, type, touched } = await opened();
  const before = notebook.mark('a');
  expect(seen(notebook)).toBe('✓ Verdict: verified');
  type('x = 10');
  type('x = 100');
  expect(seen(notebook)).toBe('≠ Verdict: changed since: source');
  expect(notebook.mark('a')).toBe(notebook.mark('a'));
  expect(notebook.mark('b')?.verdict).toBe('verified');
  type('x = 1');
  expect(notebook.mark('a')).toBe(before);
  expect(touched).toEqual([['a'], ['a']]);
});

it('compares with what was opened, not with what was typed until the verdict came', async () => {
  const server = new Server();
  server.files[PATH] = verdictOn(PATH, verified('a'));
  const notebook = new Model(server, server).open(PATH);
  let source = 'x = 1';
  notebook.loaded(['a'], () => source);
  const verdict = notebook.verify();
  source = 'x = 2';
  notebook.edited(['a']);
  await verdict;
  expect(notebook.mark('a')?.verdict).toBe('changed since');
});

it('takes what was sent for what was executed, whatever was typed before it was seen', async () => {
  const { server, notebook, type } = await opened();
  type('x = 2');
  notebook.sent('a');
  type('x = 3');
  server.executed.emit(ran('a', { status: 'running' }));
  expect(notebook.mark('a')?.status).toBe('running');
  expect(seen(notebook)).toContain('…');
  server.executed.emit(ran('a'));
  expect(seen(notebook)).toBe('≠ Verdict: changed since: source');
  type('x = 2');
  expect(seen(notebook)).toBe('○ Seen by the server: not saved yet');
});

it('goes back where a save came in between, as far as one can say before the next', async () => {
  const { server, notebook, type } = await opened();
  type('x = 2');
  server.files[PATH] = verdictOn(
    PATH,
    verified('a', { verdict: 'changed since', changed: ['source'] })
  );
  await notebook.verify();
  expect(seen(notebook)).toContain('≠');
  type('x = 1');
  expect(seen(notebook)).toBe('○ Seen by the server: not saved yet');
});

it('claims nothing of a cell whose executed source was never here', async () => {
  const { notebook, type } = await opened({
    verdict: 'changed since',
    changed: ['source']
  });
  type('anything');
  type('x = 1');
  expect(notebook.mark('a')).toMatchObject({ verdict: 'changed since' });
});

it.each<[Parameters<typeof verified>[1], boolean | null, string | null]>([
  [{}, false, 'changed since'],
  [{}, null, 'verified'],
  [{ verdict: 'source holds, outputs removed' }, false, 'changed since'],
  [{ verdict: 'not valid here' }, false, 'not valid here'],
  [{ verdict: 'unattributed', executor: null }, false, 'unattributed'],
  [{ verdict: 'changed since', changed: ['source', 'outputs'] }, true, 'changed since'],
  [{ verdict: 'changed since', changed: ['outputs'] }, false, 'changed since']
])('of %j with the executed source %s makes %s', (change, holds, verdict) => {
  expect(asItStands(provenOf(verified('a', change)), holds).verdict).toBe(verdict);
});

it('names beside the source what else has changed', () => {
  const mark = provenOf(
    verified('a', { verdict: 'changed since', changed: ['outputs'] })
  );
  expect(asItStands(mark, false).changed).toEqual(['source', 'outputs']);
});
