import { act, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { Who } from '../src/components/who';
import { Model } from '../src/model';
import { ADA, PASSPHRASE, Server } from './server';

const trans = nullTranslator.load('jupyter_mlo');

async function shown(server = new Server(), asked = true): Promise<[Server, Model]> {
  const model = new Model(server, server);
  render(<Who model={model} trans={trans} />);
  if (asked) {
    await act(() => model.refresh());
  }
  return [server, model];
}

function type(label: string, text: string): void {
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
}

async function signIn(passphrase = PASSPHRASE): Promise<void> {
  screen.getByLabelText<HTMLInputElement>('Passphrase').value = passphrase;
  await act(async () => {
    fireEvent.submit(screen.getByRole('form', { name: 'Sign in' }));
    await Promise.resolve();
  });
}

it('says that it is asking', async () => {
  await shown(new Server(), false);
  expect(screen.getByRole('status').textContent).toContain('Asking the server');
});

it('says that the server does not answer, and tries again', async () => {
  const server = new Server();
  server.down = true;
  await shown(server);
  expect(screen.getByRole('alert').textContent).toContain('does not answer');
  server.down = false;
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('form', { name: 'Sign in' })).toBeTruthy();
});

it('offers the one MLO that is known, and judges what is typed', async () => {
  await shown();
  const field = screen.getByLabelText<HTMLInputElement>('MLO ID');
  expect(field.value).toBe(ADA.id);
  expect(screen.getByText('Ada Sample (person)')).toBeTruthy();
  type('MLO ID', 'mlo:7K3D-9QXA-2MFC');
  expect(field.getAttribute('aria-invalid')).toBe('true');
  expect(screen.getByText(/Mistyped/)).toBeTruthy();
  expect(
    screen.getByRole<HTMLButtonElement>('button', { name: 'Sign in' }).disabled
  ).toBe(true);
  type('MLO ID', '7k3d9qxa');
  expect(screen.getByText('4 more characters')).toBeTruthy();
});

it('signs in and out', async () => {
  await shown();
  fireEvent.change(screen.getByLabelText('Activity'), { target: { value: 'training' } });
  await signIn();
  expect(await screen.findByText('8 hours left')).toBeTruthy();
  expect(screen.getByText('Ada Sample')).toBeTruthy();
  expect(screen.getByLabelText<HTMLSelectElement>('Activity').value).toBe('training');
  fireEvent.click(screen.getByRole('button', { name: 'Sign out' }));
  expect(await screen.findByRole('form', { name: 'Sign in' })).toBeTruthy();
});

it('keeps no passphrase after a wrong one, says why and what to do', async () => {
  await shown();
  await signIn('wrong');
  await waitFor(() => {
    expect(screen.getByRole('alert').textContent).toContain('does not open this key');
  });
  expect(screen.getByRole('alert').textContent).toContain('try again');
  expect(screen.getByLabelText<HTMLInputElement>('Passphrase').value).toBe('');
  expect(document.body.textContent).not.toContain('wrong');
  const values = [...document.querySelectorAll('input')].map(input => input.value);
  expect(values).not.toContain('wrong');
});

it('shows a name as text, whatever is in it', async () => {
  const server = new Server();
  const name = '<img src=x onerror=alert(1)>';
  server.known = [{ ...ADA, name }];
  server.problems = ['<b>bold</b>'];
  await shown(server);
  await signIn();
  expect(await screen.findByText(name)).toBeTruthy();
  expect(screen.getByText('<b>bold</b>')).toBeTruthy();
  expect(document.querySelector('img, b')).toBeNull();
});

it('changes activity and model, and sends a line only when it is left', async () => {
  const [server, model] = await shown();
  await signIn();
  const present = jest.spyOn(server, 'act');
  const field = await screen.findByLabelText('Model');
  type('Model', 'credit@2');
  expect(present).not.toHaveBeenCalled();
  await act(async () => {
    fireEvent.blur(field);
    await Promise.resolve();
  });
  expect(model.me?.session?.model).toBe('credit@2');
});

it('says so where the session is the machine’s', async () => {
  const server = new Server();
  server.shared = true;
  await shown(server);
  expect(screen.getByText(/token of this server/)).toBeTruthy();
});

it('enrols only with the same passphrase twice, signs in, and offers the back-up', async () => {
  await shown();
  fireEvent.click(screen.getByRole('button', { name: 'I have no MLO ID yet' }));
  type('Name', 'Grace Sample');
  const first = screen.getByLabelText<HTMLInputElement>('New passphrase');
  const again = screen.getByLabelText<HTMLInputElement>('The same again');
  first.value = 'one two three';
  again.value = 'one two';
  fireEvent.submit(screen.getByRole('form', { name: 'Enrol' }));
  expect(screen.getByText('The two differ.')).toBeTruthy();
  again.value = 'one two three';
  await act(async () => {
    fireEvent.submit(screen.getByRole('form', { name: 'Enrol' }));
    await Promise.resolve();
  });
  expect(await screen.findByText(/key backup --of mlo:0000-0000-000D/)).toBeTruthy();
  expect(screen.getByText('Grace Sample')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Sign out' })).toBeTruthy();
});
