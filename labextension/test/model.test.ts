import { Model } from '../src/model';
import { ADA, PASSPHRASE, Server } from './server';

const NOTEBOOK = 'train.ipynb';
const RECORD = {
  executor: ADA,
  activity: 'training',
  model: null,
  time: '2026-11-22T10:00:00Z',
  status: 'ok'
};
const CELL = {
  index: 0,
  id: 'a',
  kind: 'code',
  verdict: 'verified',
  reasons: [],
  assurance: 'signed',
  executor: ADA,
  activity: 'training',
  model: null,
  time: '2026-11-22T09:00:00Z',
  statement: null
};

function file(...cells: (typeof CELL)[]) {
  const verdict = { words: 'holds', holds: true, sealed: true, as_of: null };
  return { path: NOTEBOOK, verdict, cells };
}

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
  it('are what the file proves, and over it what the server saw since', async () => {
    const server = new Server();
    server.files[NOTEBOOK] = file(CELL, { ...CELL, id: 'b' });
    server.live[NOTEBOOK] = { cells: { b: RECORD } };
    const marks = new Model(server, server).notebook(NOTEBOOK);
    await marks.refresh();
    expect(marks.mark('a')).toMatchObject({
      verdict: 'verified',
      executor: { id: ADA.id }
    });
    expect(marks.mark('b')).toMatchObject({ verdict: null, time: RECORD.time });
    expect(marks.mark('c')).toBeUndefined();
  });

  it('name only the cells that changed', async () => {
    const server = new Server();
    server.files[NOTEBOOK] = file(CELL, { ...CELL, id: 'b' });
    const marks = new Model(server, server).notebook(NOTEBOOK);
    await marks.refresh();
    const touched: string[][] = [];
    marks.changed.connect((_, ids) => touched.push([...ids]));
    server.files[NOTEBOOK] = file(CELL, { ...CELL, id: 'b', verdict: 'changed since' });
    await marks.refresh();
    expect(touched).toEqual([['b']]);
  });

  it('change when the server tells of an execution, in that notebook only', () => {
    const server = new Server();
    const model = new Model(server, server);
    const [here, elsewhere] = [model.notebook(NOTEBOOK), model.notebook('other.ipynb')];
    server.happened.emit({ ...RECORD, path: NOTEBOOK, cell_id: 'a', status: 'running' });
    expect(here.mark('a')).toMatchObject({ status: 'running', executor: { id: ADA.id } });
    expect(elsewhere.mark('a')).toBeUndefined();
  });

  it('keep an execution that ends while an older answer is on its way', async () => {
    const server = new Server();
    server.files[NOTEBOOK] = file(CELL);
    const model = new Model(server, server);
    const marks = model.notebook(NOTEBOOK);
    let open = (): void => undefined;
    server.gate = new Promise(resolve => (open = resolve));
    const answered = marks.refresh();
    server.happened.emit({ ...RECORD, path: NOTEBOOK, cell_id: 'a' });
    open();
    await answered;
    expect(marks.mark('a')).toMatchObject({ verdict: null, time: RECORD.time });
  });

  it('are those of the last of two questions', async () => {
    const server = new Server();
    const marks = new Model(server, server).notebook(NOTEBOOK);
    let open = (): void => undefined;
    server.files[NOTEBOOK] = file(CELL);
    server.gate = new Promise(resolve => (open = resolve));
    const first = marks.refresh();
    server.gate = null;
    server.files[NOTEBOOK] = file({ ...CELL, verdict: 'changed since' });
    await marks.refresh();
    open();
    await first;
    expect(marks.mark('a')?.verdict).toBe('changed since');
  });

  it('are dropped with their notebook', () => {
    const server = new Server();
    const model = new Model(server, server);
    const marks = model.notebook(NOTEBOOK);
    model.forget(NOTEBOOK);
    expect(marks.isDisposed).toBe(true);
    server.happened.emit({ ...RECORD, path: NOTEBOOK, cell_id: 'a' });
    expect(model.notebook(NOTEBOOK)).not.toBe(marks);
  });
});
