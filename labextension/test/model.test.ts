import { Model } from '../src/model';
import type { NotebookModel } from '../src/notebook';
import { ADA, KERNEL, PASSPHRASE, ran, Server, verdictOn, verified } from './server';

const NOTEBOOK = 'train.ipynb';

function login(model: Model, hours = 8): Promise<void> {
  return model.login({ mlo: ADA.id, passphrase: PASSPHRASE, hours });
}

describe('who you are', () => {
  it('is loading until the server has answered', async () => {
    const server = new Server();
    const model = new Model(server, server);
    expect(model.who.state).toBe('loading');
    await model.refresh();
    expect(model.who.state).toBe('ready');
    expect(model.signedIn).toBe(false);
  });

  it('says why where the server does not answer, and recovers', async () => {
    const server = new Server();
    const model = new Model(server, server);
    server.down = true;
    await model.refresh();
    expect(model.who).toMatchObject({
      state: 'failed',
      error: { message: 'The server does not answer' }
    });
    server.down = false;
    await model.refresh();
    expect(model.who.state).toBe('ready');
  });

  it('stays what it was when the server goes away later', async () => {
    const server = new Server();
    const model = new Model(server, server);
    await login(model);
    server.down = true;
    await model.refresh();
    expect(model.signedIn).toBe(true);
  });

  it('ends with the session’s time by this computer’s own clock', async () => {
    const server = new Server();
    let now = 1_000_000;
    const model = new Model(server, server, () => now);
    await login(model, 1);
    now += 3_599_000;
    expect([model.secondsLeft, model.signedIn]).toEqual([1, true]);
    now += 2_000;
    expect([model.secondsLeft, model.signedIn]).toEqual([0, false]);
  });

  it('is unchanged by a wrong passphrase', async () => {
    const server = new Server();
    const model = new Model(server, server);
    await model.refresh();
    const wrong = model.login({ mlo: ADA.id, passphrase: 'wrong', hours: 8 });
    await expect(wrong).rejects.toMatchObject({ status: 403, hint: 'try again' });
    expect(model.signedIn).toBe(false);
  });
});

describe('the marks of a notebook', () => {
  async function opened(server: Server, path = NOTEBOOK): Promise<NotebookModel> {
    const notebook = new Model(server, server).open(path);
    await notebook.runsIn(KERNEL);
    return notebook;
  }

  it('are what the file proves, and over it what the server saw since', async () => {
    const server = new Server();
    server.files[NOTEBOOK] = verdictOn(NOTEBOOK, verified('a'), verified('b'));
    server.seen = [ran('b')];
    const notebook = await opened(server);
    await notebook.verify();
    expect(notebook.mark('a')).toMatchObject({ verdict: 'verified', executor: ADA });
    expect(notebook.mark('b')).toMatchObject({ verdict: null, execution: 'new-b' });
    expect(notebook.mark('c')).toBeUndefined();
  });

  it('are the file’s again once it tells of the same execution, or a later one', async () => {
    const server = new Server();
    server.seen = [ran('a'), ran('b')];
    server.files[NOTEBOOK] = verdictOn(
      NOTEBOOK,
      verified('a', { execution: 'new-a' }),
      verified('b', { execution: 'newest-b', started: '2026-11-22T11:00:00.000Z' })
    );
    const notebook = await opened(server);
    await notebook.verify();
    expect(notebook.mark('a')?.verdict).toBe('verified');
    expect(notebook.mark('b')?.execution).toBe('newest-b');
  });

  it('are the file’s for all that had ended when a save began', async () => {
    const server = new Server();
    const changed = verified('a', { verdict: 'changed since', changed: ['source'] });
    server.files[NOTEBOOK] = verdictOn(NOTEBOOK, changed, verified('b'));
    const notebook = await opened(server);
    notebook.saw(ran('a'));
    notebook.saw(ran('b', { status: 'running' }));
    notebook.saving();
    await notebook.verify();
    expect(notebook.mark('a')?.verdict).toBe('changed since');
    expect(notebook.mark('b')?.status).toBe('running');
  });

  it('change when the server tells of an execution, in that kernel only', async () => {
    const server = new Server();
    const model = new Model(server, server);
    await model.refresh();
    const [here, elsewhere] = [model.open(NOTEBOOK), model.open('other.ipynb')];
    await here.runsIn(KERNEL);
    const touched: string[][] = [];
    here.changed.connect((_, ids) => touched.push([...ids]));
    server.executed.emit(ran('a', { status: 'running' }));
    expect(here.mark('a')).toMatchObject({ status: 'running', executor: ADA });
    expect(touched).toEqual([['a']]);
    expect(elsewhere.mark('a')).toBeUndefined();
  });

  it('name strangers by asking the server who they are', async () => {
    const server = new Server();
    const notebook = await opened(server);
    server.seen = [ran('a')];
    server.executed.emit(ran('a'));
    expect(notebook.mark('a')?.executor).toMatchObject({ id: ADA.id, name: null });
    await Promise.resolve();
    await notebook.look();
    expect(server.looks).toBe(3);
    server.executed.emit(ran('b'));
    expect(notebook.mark('b')?.executor).toEqual(ADA);
    expect(server.looks).toBe(3);
  });

  it('keep the end of an execution that an older answer calls running', async () => {
    const server = new Server();
    const notebook = await opened(server);
    server.seen = [ran('a', { status: 'running' })];
    let open = (): void => undefined;
    server.gate = new Promise(resolve => (open = resolve));
    const looked = notebook.look();
    notebook.saw(ran('a'));
    notebook.saw(ran('a', { status: 'running' }));
    open();
    await looked;
    expect(notebook.mark('a')?.status).toBe('ok');
  });

  it('are those of the last of two questions', async () => {
    const server = new Server();
    const notebook = await opened(server);
    let open = (): void => undefined;
    server.files[NOTEBOOK] = verdictOn(NOTEBOOK, verified('a'));
    server.gate = new Promise(resolve => (open = resolve));
    const first = notebook.verify();
    server.gate = null;
    const changed = verified('a', { verdict: 'changed since' });
    server.files[NOTEBOOK] = verdictOn(NOTEBOOK, changed);
    await notebook.verify();
    open();
    await first;
    expect(notebook.mark('a')?.verdict).toBe('changed since');
  });

  it('stay when the server does not answer, and it is said why', async () => {
    const server = new Server();
    server.files[NOTEBOOK] = verdictOn(NOTEBOOK, verified('a'));
    const notebook = await opened(server);
    await notebook.verify();
    server.down = true;
    await notebook.verify();
    expect(notebook.asking).toMatchObject({ state: 'failed' });
    expect(notebook.mark('a')?.verdict).toBe('verified');
  });

  it('are the file’s when it was sealed elsewhere; where it was here one asks once', async () => {
    jest.useFakeTimers();
    const server = new Server();
    const notebook = await opened(server, 'a.ipynb');
    server.executed.emit(ran('a'));
    server.files['a.ipynb'] = verdictOn('a.ipynb', verified('a', { execution: 'new-a' }));
    const sealed = { act: 'seal', mlo: ADA.id, detail: '' };
    server.acted.emit({ ...sealed, path: 'b.ipynb' });
    await jest.runAllTimersAsync();
    expect(notebook.mark('a')?.verdict).toBeNull();
    server.acted.emit({ ...sealed, path: 'a.ipynb' });
    await jest.runAllTimersAsync();
    expect(notebook.mark('a')?.verdict).toBe('verified');
    const asked = jest.spyOn(server, 'verdict');
    server.acted.emit({ ...sealed, path: 'a.ipynb' });
    await notebook.verify();
    await jest.runAllTimersAsync();
    expect(asked).toHaveBeenCalledTimes(1);
    jest.useRealTimers();
  });

  it('are dropped with their notebook', async () => {
    const server = new Server();
    const notebook = await opened(server);
    notebook.dispose();
    server.executed.emit(ran('a'));
    expect(notebook.mark('a')).toBeUndefined();
  });
});

describe('a seal with a meaning', () => {
  it('is announced, then made by a save, and only then believed', async () => {
    const server = new Server();
    const notebook = new Model(server, server).open(NOTEBOOK);
    const saved = verdictOn(NOTEBOOK);
    const save = (): Promise<void> => {
      expect(server.sealed).toEqual([`${NOTEBOOK} reviewed ff`]);
      server.files[NOTEBOOK] = { ...saved, seal: { ...saved.seal, meaning: 'reviewed' } };
      return Promise.resolve();
    };
    await notebook.seal('reviewed', 'f'.repeat(64), save);
    expect(notebook.verdict?.seal.meaning).toBe('reviewed');
  });

  it('that a save did not make is told of', async () => {
    const server = new Server();
    const notebook = new Model(server, server).open(NOTEBOOK);
    const sealed = notebook.seal('approved', 'f'.repeat(64), () => Promise.resolve());
    await expect(sealed).rejects.toMatchObject({ reason: 'not-sealed' });
  });
});
