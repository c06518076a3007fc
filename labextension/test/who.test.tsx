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
  expect(await screen.findByText('8 h left')).toBeTruthy();
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

async function enrolled(): Promise<Server> {
  const server = new Server();
  server.known = [];
  await shown(server);
  for (const label of ['New passphrase', 'The same again']) {
    screen.getByLabelText<HTMLInputElement>(label).value = PASSPHRASE;
  }
  type('Name', 'Grace Sample');
  await act(async () => {
    fireEvent.submit(screen.getByRole('form', { name: 'Enrol' }));
    await Promise.resolve();
  });
  await screen.findByRole('button', { name: 'Sign out' });
  return server;
}

async function backUp(passphrase: string): Promise<void> {
  screen.getByLabelText<HTMLInputElement>('Your passphrase').value = passphrase;
  await act(async () => {
    fireEvent.submit(screen.getByRole('form', { name: 'Back up the key' }));
    await Promise.resolve();
  });
}

it('begins with the enrolment where nobody is known, and leads on to signing in', async () => {
  const server = new Server();
  server.known = [];
  await shown(server);
  expect(screen.getByRole('form', { name: 'Enrol' })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'I have an MLO ID already' }));
  expect(screen.getByRole('form', { name: 'Sign in' })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'I have no MLO ID yet' }));
  expect(screen.getByRole('form', { name: 'Enrol' })).toBeTruthy();
});

it('downloads the encrypted key after enrolment, and keeps no passphrase', async () => {
  const kept: [string, Blob][] = [];
  let blob = new Blob();
  Object.assign(URL, {
    createObjectURL: (made: Blob) => ((blob = made), 'blob:made'),
    revokeObjectURL: () => undefined
  });
  const click = jest
    .spyOn(HTMLAnchorElement.prototype, 'click')
    .mockImplementation(function (this: HTMLAnchorElement) {
      kept.push([this.download, blob]);
    });
  await enrolled();
  await backUp('wrong');
  expect((await screen.findByRole('alert')).textContent).toContain('does not open');
  expect(kept).toEqual([]);
  await backUp(PASSPHRASE);
  expect(await screen.findByText(/has saved key.backup/)).toBeTruthy();
  expect(kept.map(([name, { size }]) => [name, size])).toEqual([['key.backup', 6]]);
  click.mockRestore();
  expect(screen.getByLabelText<HTMLInputElement>('Your passphrase').value).toBe('');
  fireEvent.click(screen.getByRole('button', { name: 'Done' }));
  expect(screen.queryByText('Your MLO ID is')).toBeNull();
  expect(screen.getByText('Back up the key')).toBeTruthy();
});

it('names only the command where others could read along', async () => {
  Object.assign(window, { isSecureContext: false });
  try {
    await enrolled();
    expect(screen.queryByLabelText('Your passphrase')).toBeNull();
    expect(screen.getByText(/jupyter mlo key backup --of/)).toBeTruthy();
  } finally {
    Object.assign(window, { isSecureContext: true });
  }
});

it('fills in what a cell said in advance', async () => {
  const [server, model] = await shown();
  const team = { ...ADA, id: 'mlo:TEAM', name: 'Team Sample' };
  server.teams = [team];
  act(() => {
    model.asked = {
      ...{ who: 'ada sample', hours: 2, activity: 'training', model: 'credit' },
      onBehalfOf: team.id
    };
  });
  const value = (label: string): string =>
    screen.getByLabelText<HTMLInputElement>(label).value;
  expect(value('MLO ID')).toBe(ADA.id);
  expect(document.activeElement).toBe(screen.getByLabelText('Passphrase'));
  expect(value('For')).toBe('2');
  expect(value('Activity')).toBe('training');
  expect(value('Model (may be left empty)')).toBe('credit');
  expect(value('On behalf of a team (may be left empty)')).toBe(team.id);
  await signIn();
  await screen.findByRole('button', { name: 'Sign out' });
  expect(model.asked).toBeNull();
});

it('changes nothing of who is signed in but by a click', async () => {
  const [, model] = await shown();
  await signIn();
  const asked = {
    who: null,
    hours: 8,
    activity: 'review',
    model: null,
    onBehalfOf: null
  };
  act(() => {
    model.asked = asked;
  });
  expect(screen.getByText('A cell asks you to work on: review')).toBeTruthy();
  expect(model.me?.session?.activity).toBe('exploration');
  fireEvent.click(screen.getByRole('button', { name: 'Stay as it is' }));
  expect(screen.queryByText(/A cell asks/)).toBeNull();
  act(() => {
    model.asked = asked;
  });
  await act(async () => {
    fireEvent.click(screen.getByRole('button', { name: 'Do so' }));
    await Promise.resolve();
  });
  expect(model.me?.session?.activity).toBe('review');
  expect(screen.queryByText(/A cell asks/)).toBeNull();
});

it('acts for another team in a new session, which takes the passphrase', async () => {
  const server = new Server();
  const team = { ...ADA, id: 'mlo:TEAM', name: 'Team Sample' };
  server.teams = [team];
  const [, model] = await shown(server);
  await signIn();
  const renew = jest.spyOn(server, 'renew');
  fireEvent.change(screen.getByLabelText('On behalf of'), { target: { value: team.id } });
  expect(screen.getByText(/new session: type your passphrase/)).toBeTruthy();
  expect(renew).not.toHaveBeenCalled();
  screen.getByLabelText<HTMLInputElement>('Passphrase').value = PASSPHRASE;
  await act(async () => {
    fireEvent.submit(screen.getByRole('form', { name: 'Change' }));
    await Promise.resolve();
  });
  expect(model.me?.session?.onBehalfOf?.id).toBe(team.id);
  expect(screen.queryByRole('form', { name: 'Change' })).toBeNull();
});

describe('the focus', () => {
  const focused = (): string => {
    const node = document.activeElement;
    const label = (node as HTMLInputElement | null)?.labels?.[0]?.textContent;
    return label ?? node?.getAttribute('aria-label') ?? node?.textContent ?? '';
  };
  const press = (name: string): void => {
    const button = screen.getByRole('button', { name });
    button.focus();
    fireEvent.click(button);
  };

  it('goes to who is signed in, to the prompt when signed out, and to each form', async () => {
    await shown();
    screen.getByLabelText('Passphrase').focus();
    await signIn();
    await screen.findByRole('button', { name: 'Sign out' });
    expect(focused()).toBe('Signed in as Ada Sample');
    press('Sign out');
    await screen.findByRole('form', { name: 'Sign in' });
    expect(focused()).toBe('Passphrase');
    press('I have no MLO ID yet');
    expect(focused()).toBe('Name');
    press('I have an MLO ID already');
    expect(focused()).toBe('Passphrase');
  });

  it('goes to the new MLO ID, and then to who is signed in', async () => {
    const server = new Server();
    server.known = [];
    await shown(server);
    for (const label of ['New passphrase', 'The same again']) {
      screen.getByLabelText<HTMLInputElement>(label).value = PASSPHRASE;
    }
    type('Name', 'Grace Sample');
    screen.getByLabelText('Name').focus();
    await act(async () => {
      fireEvent.submit(screen.getByRole('form', { name: 'Enrol' }));
      await Promise.resolve();
    });
    await screen.findByText('Your MLO ID is');
    expect(focused()).toBe('Your new MLO ID');
    press('Done');
    expect(focused()).toBe('Signed in as Grace Sample');
  });

  it('comes back from staying longer, cancelled or done', async () => {
    await shown();
    await signIn();
    press('Stay longer');
    expect(focused()).toBe('Passphrase');
    press('Cancel');
    expect(focused()).toBe('Stay longer');
    press('Stay longer');
    screen.getByLabelText<HTMLInputElement>('Passphrase').value = PASSPHRASE;
    await act(async () => {
      fireEvent.submit(screen.getByRole('form', { name: 'Stay longer' }));
      await Promise.resolve();
    });
    expect(focused()).toBe('Stay longer');
  });

  it('is nobody’s to take who went elsewhere, or did nothing here', async () => {
    const elsewhere = document.body.appendChild(document.createElement('input'));
    const [, model] = await shown();
    screen.getByLabelText('Passphrase').focus();
    const signedIn = signIn();
    elsewhere.focus();
    await signedIn;
    await screen.findByRole('button', { name: 'Sign out' });
    expect(document.activeElement).toBe(elsewhere);
    elsewhere.blur();
    await act(() => model.logout());
    expect(document.activeElement).toBe(document.body);
    elsewhere.remove();
  });
});
