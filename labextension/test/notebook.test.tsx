import { act, fireEvent, render, screen, within } from '@testing-library/react';
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { type CellVerdict, nameOf } from '../src/api';
import { History } from '../src/components/history';
import { Notebook } from '../src/components/notebook';
import type { IDocument, Line } from '../src/document';
import { Model } from '../src/model';
import { executedBy, type Filter, passes, View } from '../src/view';
import { SealForm } from '../src/widgets/sealing';
import { span } from '../src/words';
import { ADA, KERNEL, PASSPHRASE, ran, Server, verdictOn, verified } from './server';

const trans = nullTranslator.load('jupyter_mlo');
const PATH = 'train.ipynb';
/** A time at which these files were written by somebody else. */
const LATER = '2026-11-22T12:00:00.000Z';
const TEAM = { ...ADA, id: 'mlo:team', name: 'Team Sample' };

function line(id: string, position: number, text = `cell ${id}`): Line {
  return { id, kind: 'code', position, text };
}

/** The section of a notebook of these cells, drawn. */
async function shown(
  server: Server,
  lines: Line[],
  signedIn = true,
  dirty = false,
  together = false
) {
  const model = new Model(server, server);
  await model.refresh();
  if (signedIn) {
    await model.login({ mlo: ADA.id, passphrase: PASSPHRASE });
  }
  const notebook = model.open(PATH);
  await notebook.runsIn(KERNEL);
  const jumps: string[] = [];
  const document: IDocument = {
    notebook,
    changed: new Signal<object, undefined>({}),
    dirty,
    together,
    elsewhere: modified => modified === LATER,
    lines: () => lines,
    jump: id => jumps.push(id),
    save: () => Promise.resolve()
  };
  const view = new View();
  const onSeal = jest.fn();
  render(<Notebook {...{ document, model, view, trans, onSeal }} />);
  return { notebook, jumps, view, onSeal };
}

function cells(): HTMLElement[] {
  return within(screen.getByRole('list', { name: 'Cells' })).queryAllByRole('listitem');
}

async function frame(): Promise<void> {
  await act(() => new Promise(resolve => setTimeout(resolve, 40)));
}

it('says that no notebook is open', () => {
  const server = new Server();
  const model = new Model(server, server);
  const view = new View();
  render(
    <Notebook document={null} onSeal={() => undefined} {...{ model, view, trans }} />
  );
  expect(screen.getByText(/Open a notebook/)).toBeTruthy();
});

it('lists cells with executor and verdict, counts them, and jumps', async () => {
  const server = new Server();
  server.files[PATH] = verdictOn(PATH, verified('a'), verified('b'));
  const { notebook, jumps } = await shown(server, [line('a', 1), line('b', 2)]);
  await act(() => notebook.verify());
  await frame();
  expect(cells()[0]?.textContent).toContain('Ada Sample · training');
  expect(cells()[0]?.textContent).toContain('✓ verified');
  expect(screen.getByText('2 cells executed')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: /cell b/ }));
  expect(jumps).toEqual(['b']);
});

it('says that the file is not what is shown', async () => {
  const server = new Server();
  server.files[PATH] = verdictOn(PATH, verified('a'));
  const { notebook } = await shown(server, [line('a', 1)]);
  await act(() => notebook.verify());
  await frame();
  expect(screen.queryByText(/changed outside of this page/)).toBeNull();
  server.files[PATH] = { ...verdictOn(PATH, verified('a')), modified: LATER };
  await act(() => notebook.verify());
  await frame();
  expect(screen.getByText(/changed outside of this page/)).toBeTruthy();
});

it('moves while cells run', async () => {
  const server = new Server();
  await shown(server, [line('a', 1)]);
  server.executed.emit(ran('a', { status: 'running' }));
  await frame();
  expect(cells()[0]?.textContent).toContain('… running');
  server.executed.emit(ran('a'));
  await frame();
  expect(cells()[0]?.textContent).toContain('○ not saved yet');
  expect(screen.getByText('1 cell executed')).toBeTruthy();
});

it('says what ran since the file was saved', async () => {
  const server = new Server();
  const empty = verdictOn(PATH);
  server.files[PATH] = { ...empty, summary: { code: 'nothing-executed', cells: 0 } };
  const lines = [line('a', 1), line('b', 2)];
  const { notebook } = await shown(server, lines, true, true);
  const verdict = () => document.querySelector('.jp-mlo-verdict')?.textContent;
  await act(() => notebook.verify());
  await frame();
  expect(verdict()).toContain('Nothing was executed yet');
  server.executed.emit(ran('a'));
  server.executed.emit(ran('b', { status: 'running' }));
  await frame();
  expect(verdict()).toContain('What ran is not saved yet');
  server.files[PATH] = verdictOn(PATH, verified('a'));
  notebook.saving();
  await act(() => notebook.verify());
  server.executed.emit(ran('b'));
  await frame();
  expect(verdict()).toContain('Everything is as it was sealed');
  expect(screen.getByText(/about the file; what ran since then/)).toBeTruthy();
});

it('does not promise a seal by saving where the server saves', async () => {
  const server = new Server();
  const empty = verdictOn(PATH);
  server.files[PATH] = { ...empty, summary: { code: 'nothing-executed', cells: 0 } };
  const { notebook } = await shown(server, [line('a', 1)], true, true, true);
  const verdict = () => document.querySelector('.jp-mlo-verdict')?.textContent;
  await act(() => notebook.verify());
  server.executed.emit(ran('a'));
  await frame();
  expect(verdict()).toMatch(/What ran is not saved yet\.$/);
  server.files[PATH] = { ...empty, summary: { code: 'not-sealed', cells: 1 } };
  await act(() => notebook.verify());
  await frame();
  expect(verdict()).toContain('seal it yourself');
});

it('lists a hundred cells at first', async () => {
  const lines = Array.from({ length: 130 }, (_, at) => line(`c${at}`, at + 1));
  await shown(new Server(), lines);
  expect(cells()).toHaveLength(100);
  fireEvent.click(screen.getByRole('button', { name: 'More cells (30)' }));
  expect(cells()).toHaveLength(130);
});

it('shows the server’s reason where it cannot verify', async () => {
  const server = new Server();
  const { notebook } = await shown(server, []);
  await act(() => notebook.verify());
  await frame();
  expect(document.querySelector('.jp-mlo-verdict')).toBeTruthy();
  server.down = true;
  await act(() => notebook.verify());
  await frame();
  expect(document.querySelector('.jp-mlo-verdict')).toBeNull();
  expect(screen.getByRole('alert').textContent).toContain('does not answer');
});

async function failing(numbers: number[], code: 'failing' | 'changed' | 'holds') {
  const server = new Server();
  const ids = Array.from({ length: 9 }, (_, at) => `c${at + 1}`);
  const found = ids.map((id, position) => {
    const holds = !numbers.includes(position + 1);
    return verified(id, { position, holds, ...(!holds && { verdict: 'unattributed' }) });
  });
  server.files[PATH] = {
    ...verdictOn(PATH, ...found),
    holds: false,
    summary: { code, cells: numbers.length }
  };
  // The third was deleted in the document since: the others moved up.
  const left = ids.filter(id => id !== 'c3').map((id, at) => line(id, at + 1));
  const drawn = await shown(server, left);
  await act(() => drawn.notebook.verify());
  await frame();
  const list = screen.queryByRole('list', { name: 'What does not hold' });
  const said = list ? [...list.children].map(each => each.textContent) : [];
  return { ...drawn, said };
}

it('names the cells that cannot be vouched for, by their numbers now, and goes there', async () => {
  const { said, jumps } = await failing([2, 3, 5], 'failing');
  expect(said).toEqual(['Go to cell 2', 'Cell 3 of the file', 'Go to cell 4']);
  fireEvent.click(screen.getByRole('button', { name: 'Go to cell 4' }));
  expect(jumps).toEqual(['c5']);
});

it('names five of them at most', async () => {
  const { said } = await failing([1, 2, 4, 5, 6, 7, 8], 'changed');
  expect(said).toHaveLength(6);
  expect(said.at(-1)).toBe('and 2 more');
});

it('names those that changed first, and counts the others as well', async () => {
  const server = new Server();
  const others = { holds: false, verdict: 'unattributed' } as const;
  const changed = { holds: false, verdict: 'changed since', changed: ['outputs'] };
  server.files[PATH] = {
    ...verdictOn(
      PATH,
      verified('a', { position: 0, ...others }),
      verified('b', { position: 1, ...changed }),
      verified('c', { position: 2, ...others })
    ),
    holds: false,
    summary: { code: 'changed', cells: 1, others: 2 }
  };
  const lines = [line('a', 1), line('b', 2), line('c', 3)];
  const { notebook } = await shown(server, lines);
  await act(() => notebook.verify());
  await frame();
  expect(document.querySelector('.jp-mlo-verdict')?.textContent).toContain(
    '1 cell changed since somebody answered for it. 2 more cannot be vouched for.'
  );
  const list = screen.getByRole('list', { name: 'What does not hold' });
  expect([...list.children].map(each => each.textContent)).toEqual(
    ['2', '1', '3'].map(number => `Go to cell ${number}`)
  );
});

it('names none where all is well', async () => {
  expect((await failing([1], 'holds')).said).toEqual([]);
});

it('seals only for somebody who is signed in', async () => {
  const { onSeal } = await shown(new Server(), [], false);
  const button = screen.getByRole<HTMLButtonElement>('button', { name: 'Seal …' });
  expect(button.disabled).toBe(true);
  expect(screen.getByText('To seal it, sign in first.')).toBeTruthy();
  expect(onSeal).not.toHaveBeenCalled();
});

it.each<[Filter, Partial<CellVerdict>, boolean]>([
  ['all', {}, true],
  ['mine', {}, true],
  ['mine', { executor: { ...ADA, id: 'mlo:other' } }, false],
  ['changed', {}, false],
  ['changed', { verdict: 'changed since' }, true],
  ['changed', { verdict: 'not valid here' }, true],
  ['unstamped', { verdict: 'unattributed', executor: null, execution: null }, true],
  ['unstamped', { verdict: 'unsealed', executor: null, execution: null }, false],
  ['assistant', {}, false],
  ['assistant', { assistant: ADA }, true]
])('filter %s, cell %j: %s', async (filter, change, expected) => {
  const server = new Server();
  server.files[PATH] = verdictOn(PATH, verified('a', change));
  const notebook = new Model(server, server).open(PATH);
  await notebook.verify();
  expect(passes(filter, line('a', 1), notebook.mark('a'), ADA.id)).toBe(expected);
});

it('shows what changed and gives the meaning that was picked', () => {
  const picked: string[] = [];
  const evil = '<img src=x onerror=alert(1)>';
  const changes = { path: PATH, since: null, by: null, changes: [evil], shown: '' };
  render(
    <SealForm {...{ changes, trans, own: [] }} onPick={meaning => picked.push(meaning)} />
  );
  expect(screen.getByText(evil)).toBeTruthy();
  fireEvent.click(screen.getByLabelText(/^reviewed/));
  expect(picked).toEqual(['reviewed']);
  expect(screen.getByRole('status').textContent).toBe('');
});

it.each([
  ['reviewed', [2], 'you executed cell 2 of'],
  [
    'approved',
    [1, 2, 3, 4, 5, 6, 7],
    'you executed 7 cells .* (1, 2, 3, 4, 5 and 2 more)'
  ],
  ['held', [2], null],
  ['authored', [2], null]
])('warns who seals own work as %s', (meaning, own, said) => {
  const changes = { path: PATH, since: null, by: null, changes: [], shown: '' };
  render(<SealForm {...{ changes, own, trans, onPick: () => undefined }} />);
  fireEvent.click(screen.getByLabelText(new RegExp(`^${meaning}`)));
  const warned = screen.getByRole('status').textContent;
  if (said === null) {
    expect(warned).toBe('');
  } else {
    expect(warned).toMatch(new RegExp(said.replace(/[()]/g, '\\$&')));
  }
});

it('knows which cells somebody executed, as they stand', async () => {
  const server = new Server();
  const other = { ...ADA, id: 'mlo:other' };
  server.files[PATH] = verdictOn(
    PATH,
    verified('a'),
    verified('b', { position: 1, executor: other }),
    verified('c', { position: 2, verdict: 'not valid here' }),
    verified('d', { position: 3, kind: 'markdown' })
  );
  const lines = ['a', 'b', 'c', 'd', 'e'].map((id, at) => line(id, at + 1));
  lines[3] = { ...line('d', 4), kind: 'markdown' };
  const { notebook } = await shown(server, lines);
  await act(() => notebook.verify());
  act(() => {
    server.executed.emit(ran('e'));
  });
  const document = { notebook, lines: () => lines } as unknown as IDocument;
  expect(executedBy(ADA.id, document)).toEqual([1, 5]);
  expect(executedBy(other.id, document)).toEqual([2]);
  expect(executedBy(null, document)).toEqual([]);
});

it('pages through history, and opens a statement', async () => {
  const server = new Server();
  const notebook = new Model(server, server).open(PATH);
  await notebook.verify();
  render(<History model={new Model(server, server)} notebook={notebook} trans={trans} />);
  await frame();
  expect(screen.getAllByRole('listitem')).toHaveLength(2);
  fireEvent.click(screen.getByRole('button', { name: 'Older entries' }));
  await frame();
  expect(screen.getAllByRole('listitem')).toHaveLength(3);
  const [newest] = screen.getAllByRole('button', { name: /seal · reviewed/ });
  fireEvent.click(newest as HTMLElement);
  await frame();
  expect(screen.getByRole('region', { name: 'Statement' }).textContent).toContain('said');
  expect(screen.getByText('Chain 1: enrolment')).toBeTruthy();
});

it('opens a stamp of the notebook that carries it, and closes it', async () => {
  const server = new Server();
  const stamp = 'a'.repeat(64);
  server.files[PATH] = verdictOn(PATH, verified('a', { stamp }), verified('b'));
  const { notebook, jumps } = await shown(server, [line('a', 1), line('b', 2)]);
  await act(() => notebook.verify());
  await frame();
  const [button, ...more] = screen.getAllByRole('button', { name: /^Open the stamp/ });
  expect(more).toHaveLength(0);
  fireEvent.click(button as HTMLElement);
  await frame();
  expect(server.read).toEqual([`${stamp} ${PATH}`]);
  expect(screen.getByRole('region', { name: 'Statement' }).textContent).toContain('said');
  expect(screen.getByRole('button', { name: 'Copy statement' })).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Download bundle' })).toBeTruthy();
  expect(jumps).toEqual([]);
  fireEvent.click(screen.getByRole('button', { name: 'Close the stamp of cell 1' }));
  expect(screen.queryByRole('region', { name: 'Statement' })).toBeNull();
});

it('finds a cell without an id by its place when the file was read', async () => {
  const server = new Server();
  const nameless = { id: null, verdict: 'unattributed', executor: null };
  server.files[PATH] = verdictOn(
    PATH,
    verified('', { ...nameless, position: 0 }),
    verified('', { ...nameless, position: 1, verdict: 'verified' })
  );
  const notebook = new Model(server, server).open(PATH);
  await notebook.verify();
  expect(notebook.mark('made-up')).toBeUndefined();
  notebook.loaded(['made-up', 'another']);
  await notebook.verify();
  expect(notebook.mark('made-up')?.verdict).toBe('unattributed');
  expect(notebook.mark('another')?.verdict).toBe('verified');
  notebook.loaded(['made-up', 'another', 'a third']);
  await notebook.verify();
  expect(notebook.mark('made-up')).toBeUndefined();
});

describe('History', () => {
  async function history(server: Server, change?: () => void) {
    const model = new Model(server, server);
    await model.refresh();
    const notebook = model.open(PATH);
    await notebook.verify();
    change?.();
    render(<History {...{ model, notebook, trans }} />);
    return model;
  }

  it('says that no notebook is open', () => {
    const server = new Server();
    const model = new Model(server, server);
    render(<History notebook={null} {...{ model, trans }} />);
    expect(screen.getByText(/Open a notebook/)).toBeTruthy();
  });

  it('says that it is reading', async () => {
    await history(new Server());
    expect(screen.getByRole('status').textContent).toContain('Reading the ledger');
    await frame();
  });

  it('says that there is nothing yet', async () => {
    const server = new Server();
    server.entries = 0;
    await history(server);
    await frame();
    expect(screen.getByText(/holds nothing about this notebook yet/)).toBeTruthy();
  });

  it('says why it cannot be read, and tries again', async () => {
    const server = new Server();
    await history(server, () => {
      server.down = true;
    });
    await frame();
    expect(screen.getByRole('alert').textContent).toContain('does not answer');
    server.down = false;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await frame();
    expect(screen.getAllByRole('listitem')).toHaveLength(2);
  });

  const buttons = (): (string | null)[] =>
    [...document.querySelectorAll('.jp-mlo-entry .jp-mlo-name')].map(
      each => each.textContent
    );

  it('folds saves of one MLO that follow each other, and says what held means', async () => {
    const server = new Server();
    [server.entries, server.page] = [6, 6];
    server.entry = index =>
      index === 1
        ? { who: TEAM, meaning: 'held' }
        : index === 2
          ? {}
          : { meaning: 'held' };
    await history(server);
    await frame();
    expect(buttons()).toEqual([
      '3 saves by Ada Sample',
      'seal · reviewed',
      'seal · held',
      'seal · held'
    ]);
    expect(screen.getByText(/“held” means: this is what was there/)).toBeTruthy();
    const group = screen.getByRole('button', { name: /3 saves by Ada Sample/ });
    const range = span('2026-11-22T10:14:00Z', '2026-11-22T10:16:00Z');
    expect(group.textContent).toContain(range);
    expect(group.getAttribute('aria-expanded')).toBe('false');
    group.focus();
    fireEvent.click(group);
    expect(group.getAttribute('aria-expanded')).toBe('true');
    const list = screen.getByRole('list', { name: '3 saves by Ada Sample' });
    expect(group.getAttribute('aria-controls')).toBe(list.parentElement?.id);
    const each = within(list).getAllByRole('button');
    expect(each).toHaveLength(3);
    fireEvent.click(each[1] as HTMLElement);
    await frame();
    expect(server.read).toEqual([`${'4'.repeat(64)} ${PATH}`]);
    fireEvent.click(group);
    expect(screen.queryByRole('list', { name: '3 saves by Ada Sample' })).toBeNull();
    expect(document.activeElement).toBe(group);
  });

  it('names the assistant that saved, and folds its saves by themselves', async () => {
    const server = new Server();
    [server.entries, server.page] = [4, 4];
    server.entry = index => ({
      meaning: 'held',
      assistant: index < 2 ? { ...ADA, id: 'mlo:AGENT', name: 'Agent' } : null
    });
    await history(server);
    await frame();
    expect(buttons()).toEqual([
      '2 saves by Ada Sample',
      '2 saves by Ada Sample through the assistant Agent'
    ]);
  });

  it('keeps open what is open when saves join on either side', async () => {
    const server = new Server();
    [server.entries, server.page] = [4, 2];
    server.entry = () => ({ meaning: 'held' });
    const model = new Model(server, server);
    const notebook = model.open(PATH);
    await notebook.verify();
    render(<History {...{ model, notebook, trans }} />);
    await frame();
    const group = screen.getByRole('button', { name: /2 saves by/ });
    fireEvent.click(group);
    const [newest] = within(screen.getByRole('list', { name: /2 saves/ })).getAllByRole(
      'button'
    );
    fireEvent.click(newest as HTMLElement);
    await frame();
    fireEvent.click(screen.getByRole('button', { name: 'Older entries' }));
    await frame();
    expect(screen.getByRole('button', { name: /4 saves by/ })).toBe(group);
    expect(group.getAttribute('aria-expanded')).toBe('true');
    expect(screen.getByRole('region', { name: 'Statement' })).toBeTruthy();
    [server.entries, server.page] = [5, 5];
    const found = verdictOn(PATH);
    server.files[PATH] = { ...found, seal: { ...found.seal, statement: 'another' } };
    await act(() => notebook.verify());
    await frame();
    expect(screen.getByRole('button', { name: /5 saves by/ })).toBe(group);
    expect(group.getAttribute('aria-expanded')).toBe('true');
    expect(screen.getByRole('region', { name: 'Statement' })).toBeTruthy();
  });

  it('says nothing of held where nothing is', async () => {
    await history(new Server());
    await frame();
    expect(screen.queryByText(/“held” means/)).toBeNull();
    expect(buttons()).toEqual(['seal · reviewed', 'seal · reviewed']);
  });

  it('is there for who is signed out, and says what that means', async () => {
    const model = await history(new Server());
    await frame();
    expect(screen.getByText(/Anybody may read this/)).toBeTruthy();
    await act(() => model.login({ mlo: ADA.id, passphrase: PASSPHRASE }));
    expect(screen.queryByText(/Anybody may read this/)).toBeNull();
  });
});

it('says beside a seal what its meaning is', async () => {
  const server = new Server();
  const found = verdictOn(PATH, verified('a'));
  const seal = { ...found.seal, by: ADA, time: '2026-11-22T10:00:00Z', meaning: 'held' };
  server.files[PATH] = { ...found, seal };
  const { notebook } = await shown(server, [line('a', 1)]);
  await act(() => notebook.verify());
  await frame();
  expect(screen.getByText(/Sealed by Ada Sample, .* \(held\)/)).toBeTruthy();
  expect(screen.getByText(/does not say that anybody has checked it/)).toBeTruthy();
});

it('says through whom a seal was made, and for whom', async () => {
  const server = new Server();
  const agent = { ...ADA, id: 'mlo:AGENT', name: 'Agent', kind: 'assistant' };
  const found = verdictOn(PATH, verified('a', { assistant: agent }), verified('b'));
  server.files[PATH] = {
    ...found,
    seal: {
      ...found.seal,
      ...{ by: ADA, assistant: agent, onBehalfOf: TEAM },
      ...{ time: '2026-11-22T10:00:00Z', meaning: 'held' }
    }
  };
  const { notebook } = await shown(server, [line('a', 1), line('b', 2)]);
  await act(() => notebook.verify());
  await frame();
  const team = nameOf(TEAM);
  expect(
    screen.getByText(
      new RegExp(`Sealed by Ada Sample through the assistant Agent on behalf of ${team},`)
    )
  ).toBeTruthy();
  expect(screen.getByText('2 cells executed, 1 of them by an assistant')).toBeTruthy();
});

it('says that it is verifying', async () => {
  const server = new Server();
  const { notebook } = await shown(server, []);
  let open = (): void => undefined;
  server.gate = new Promise(resolve => {
    open = resolve;
  });
  const verified = notebook.verify();
  await frame();
  expect(screen.getByRole('button', { name: 'Verifying …' })).toBeTruthy();
  open();
  await act(() => verified);
  await frame();
  expect(screen.getByText(/Everything is as it was sealed/)).toBeTruthy();
});
