import { act, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { Mandates } from '../src/components/mandates';
import {
  draftFor,
  type ParameterDraft,
  rowProblem,
  rowsFor,
  valuesOf,
  wishOf
} from '../src/mandates';
import { Model } from '../src/model';
import { sentences, standing, usesLeft } from '../src/permits';
import { ADA, mandateOf, PASSPHRASE, Server } from './server';

const trans = nullTranslator.load('jupyter_mlo');

function row(change: Partial<ParameterDraft>): ParameterDraft {
  return { name: 'alpha', allow: 'no', values: '', low: '', high: '', ...change };
}

it.each([
  ['0.1, 2', ['0.1', '2']],
  ['adam, "a,b"', ['"adam"', '"a,b"']],
  ['True, None', ['true', 'null']],
  ['.5, +3, -.5', ['0.5', '3', '-0.5']],
  ['1..5', ['"1..5"']],
  ['1,beta', ['1', '"beta"']],
  [' , ', []],
  ['say "hi', ['"say \\"hi"']]
])('reads values between commas: %s', (text, values) => {
  expect(valuesOf(text)).toEqual(values);
});

it('asks for what was filled in, and for nothing else', () => {
  const draft = {
    ...draftFor('a/train.ipynb', 'validation', 'loan'),
    parameters: [
      row({ name: 'left' }),
      row({ name: 'any', allow: 'any' }),
      row({ name: 'one', allow: 'values', values: '1, x=2' }),
      row({ name: 'seed', allow: 'range', low: '1', high: '20' })
    ],
    to: ' key '
  };
  expect(wishOf(draft)).toEqual({
    ...{ paths: ['a/train.ipynb'], activities: ['validation'], models: ['loan'] },
    ...{ hours: 720, uses: 20, to: 'key' },
    parameters: ['any', 'one=1', 'one="x=2"', 'seed=1..20']
  });
  const kept = wishOf({ ...draft, handover: 'kept', uses: '' });
  expect('to' in kept || 'uses' in kept).toBe(false);
});

it('says what is wrong in a row', () => {
  expect(rowProblem(row({ name: '' }))).toBeNull();
  expect(rowProblem(row({ name: 'a b', allow: 'any' }))).toBe('name');
  expect(rowProblem(row({ name: 'a=1,b', allow: 'any' }))).toBe('name');
  expect(rowProblem(row({ allow: 'values', values: ' ' }))).toBe('values');
  expect(rowProblem(row({ allow: 'range' }))).toBe('range');
  expect(rowProblem(row({ allow: 'range', low: '1,b' }))).toBe('range');
  expect(rowProblem(row({ allow: 'range', low: '1' }))).toBeNull();
});

it('keeps what was filled in when notebooks are looked at again', () => {
  const known = [row({ allow: 'any' })];
  const declared = [
    { name: 'alpha', default: '0.1' },
    { name: 'beta', default: null }
  ];
  expect(rowsFor(declared, known).map(each => [each.name, each.allow])).toEqual([
    ['alpha', 'any'],
    ['beta', 'no']
  ]);
});

it('says in plain words what a mandate permits', () => {
  const { scope } = mandateOf();
  expect(sentences(scope, trans)).toEqual([
    'Runs of train.ipynb as it is now, and not of a changed one.',
    'For: training.',
    'Of the model loan.',
    'With these parameters and no others: alpha (numbers from 0.1 to 0.5).',
    'At most 20 times.'
  ]);
  const [, , models, parameters, uses] = sentences(
    { ...scope, models: [], parameters: null, uses: null },
    trans
  );
  expect([models, parameters, uses]).toEqual([
    'Of no model.',
    'With any parameters.',
    'Any number of times.'
  ]);
  const none = sentences({ ...scope, parameters: [] }, trans)[3];
  expect(none).toBe('With the parameters that stand in it, and no others.');
});

it('says how a mandate stands', () => {
  expect(standing(mandateOf(), trans)).toBe('in force, 30 days left');
  const soon = mandateOf({ soon: true, secondsLeft: 90_000 });
  expect(standing(soon, trans)).toBe('ends soon: 25 h left');
  expect(standing(mandateOf({ state: 'used-up' }), trans)).toBe('used up');
  expect(usesLeft(mandateOf(), trans)).toBe('19 of 20 uses left');
  expect(usesLeft(mandateOf({ left: null }), trans)).toBe('20 uses');
});

async function shown(server: Server, signedIn = true): Promise<Model> {
  const model = new Model(server, server);
  await model.refresh();
  if (signedIn) {
    await model.login({ mlo: ADA.id, passphrase: PASSPHRASE });
  }
  render(<Mandates model={model} notebooks={null} trans={trans} seen />);
  await waitFor(() => {
    expect(screen.queryByText(/Asking for/)).toBeNull();
  });
  return model;
}

async function submit(form: string, passphrase?: string): Promise<void> {
  if (passphrase !== undefined) {
    screen.getByLabelText<HTMLInputElement>('Your passphrase').value = passphrase;
  }
  await act(async () => {
    fireEvent.submit(screen.getByRole('form', { name: form }));
    await Promise.resolve();
  });
}

it('is empty, signed out, and unreachable in words', async () => {
  const server = new Server();
  const model = await shown(server, false);
  expect(await screen.findByText(/You have none/)).toBeTruthy();
  expect(screen.getByText('Sign in to make one.')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'New mandate …' })).toBeNull();
  server.down = true;
  await act(() => model.mandates.refresh());
  expect((await screen.findByRole('alert')).textContent).toContain('does not answer');
  server.down = false;
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await waitFor(() => {
    expect(screen.queryByRole('alert')).toBeNull();
  });
});

it('says that it is asking', () => {
  const server = new Server();
  server.gate = new Promise(() => undefined);
  render(
    <Mandates model={new Model(server, server)} notebooks={null} trans={trans} seen />
  );
  expect(screen.getByText('Asking for your mandates …')).toBeTruthy();
});

it('makes a mandate that was shown in words first', async () => {
  const server = new Server();
  await shown(server);
  fireEvent.click(screen.getByRole('button', { name: 'New mandate …' }));
  fireEvent.change(screen.getByLabelText('Notebooks and folders'), {
    target: { value: 'train.ipynb' }
  });
  fireEvent.change(screen.getByLabelText('Models'), { target: { value: 'loan' } });
  await submit('New mandate');
  await screen.findByText(/2 of 3/);
  fireEvent.change(screen.getByLabelText('alpha'), { target: { value: 'range' } });
  const next = screen.getByRole<HTMLButtonElement>('button', { name: 'Next' });
  expect(next.disabled).toBe(true);
  fireEvent.change(screen.getByLabelText('alpha from'), { target: { value: '0.1' } });
  fireEvent.change(screen.getByLabelText('alpha to'), { target: { value: '0.5' } });
  expect(next.disabled).toBe(false);
  fireEvent.click(screen.getByLabelText(/kept on this server/));
  await submit('New mandate');
  await screen.findByText(/3 of 3/);
  expect(screen.getByText('At most 20 times.')).toBeTruthy();
  expect(screen.getByText(/as this server’s account can use it/)).toBeTruthy();
  await submit('New mandate', 'wrong');
  expect((await screen.findByRole('alert')).textContent).toContain('does not open');
  expect(screen.getByLabelText<HTMLInputElement>('Your passphrase').value).toBe('');
  await submit('New mandate', PASSPHRASE);
  await screen.findByText(/was made, and is kept here/);
  expect(server.done).toEqual(['make ff kept']);
  expect(server.wished.at(-1)?.parameters).toEqual(['alpha=0.1..0.5']);
  expect(screen.getByText('in force, 30 days left · 19 of 20 uses left')).toBeTruthy();
});

it('renews and revokes with a passphrase, and says so', async () => {
  const server = new Server();
  server.held = [mandateOf({ soon: true })];
  await shown(server);
  expect(screen.getByText(/1 mandate ends within three days/)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: /train.ipynb/ }));
  expect(screen.getByText(/^MLO_MANDATE=/).textContent).toBe(
    'MLO_MANDATE=~/x.mandate papermill --engine mlo …'
  );
  fireEvent.click(screen.getByRole('button', { name: 'Renew …' }));
  await submit('Renew', PASSPHRASE);
  await screen.findByText(/stands in place of/);
  fireEvent.click(screen.getByRole('button', { name: 'Revoke …' }));
  fireEvent.change(screen.getByLabelText('Reason'), { target: { value: 'lost' } });
  await submit('Revoke', 'wrong');
  expect((await screen.findByRole('alert')).textContent).toContain('does not open');
  await submit('Revoke', PASSPHRASE);
  await screen.findByText(/is revoked/);
  expect(server.done).toEqual(['renew aa 720', 'revoke aa lost']);
  expect(screen.queryByRole('button', { name: 'Revoke …' })).toBeNull();
});

it('shows what people typed as text', async () => {
  const server = new Server();
  const name = '<img src=x onerror=alert(1)>';
  const scope = { ...mandateOf().scope, notebook: name, models: [name] };
  server.held = [mandateOf({ scope })];
  await shown(server);
  fireEvent.click(screen.getByRole('button', { name: /img/ }));
  expect(screen.getByText(`Of the model ${name}.`)).toBeTruthy();
  expect(document.querySelector('img')).toBeNull();
});

it('leads the focus back from the wizard and from what is asked of a mandate', async () => {
  const server = new Server();
  server.held = [mandateOf()];
  await shown(server);
  const press = (name: string | RegExp): void => {
    const button = screen.getByRole('button', { name });
    button.focus();
    fireEvent.click(button);
  };
  press('New mandate …');
  expect(document.activeElement).toBe(screen.getByLabelText('Notebooks and folders'));
  press('Cancel');
  expect(document.activeElement?.textContent).toBe('New mandate …');
  press(/train.ipynb/);
  for (const asked of ['Renew …', 'Revoke …']) {
    press(asked);
    expect(document.activeElement).toBe(screen.getByLabelText('Your passphrase'));
    press('Cancel');
    expect(document.activeElement?.textContent).toContain('train.ipynb');
  }
});
