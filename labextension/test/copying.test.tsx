import { act, fireEvent, render, screen } from '@testing-library/react';
import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { CopyButton } from '../src/components/copying';

const trans = nullTranslator.load('jupyter_mlo');

const said = (): string | null => screen.getByRole('status').textContent;

async function press(): Promise<string | null> {
  const button = screen.getByRole('button', { name: 'Copy it' });
  button.focus();
  await act(async () => {
    fireEvent.click(button);
    await jest.advanceTimersByTimeAsync(0);
  });
  expect(document.activeElement).toBe(button);
  expect(document.querySelector('textarea')).toBeNull();
  return said();
}

beforeEach(() => {
  jest.useFakeTimers();
  render(<CopyButton label="Copy it" text="what is said" trans={trans} />);
});

afterEach(() => {
  jest.useRealTimers();
  Object.assign(navigator, { clipboard: undefined });
  Object.assign(document, { execCommand: undefined });
});

it('says for two seconds that it was copied', async () => {
  const written: string[] = [];
  const writeText = (text: string): Promise<void> => {
    written.push(text);
    return Promise.resolve();
  };
  Object.assign(navigator, { clipboard: { writeText } });
  expect(said()).toBe('');
  expect(await press()).toBe('✓ Copied');
  expect(written).toEqual(['what is said']);
  await act(() => jest.advanceTimersByTimeAsync(1_900));
  expect(await press()).toBe('✓ Copied');
  await act(() => jest.advanceTimersByTimeAsync(1_900));
  expect(said()).toBe('✓ Copied');
  await act(() => jest.advanceTimersByTimeAsync(200));
  expect(said()).toBe('');
});

it('copies by a selection where the page has no clipboard', async () => {
  let selected = '';
  const execCommand = (): boolean => {
    const field = document.activeElement as HTMLTextAreaElement;
    selected = field.value.slice(field.selectionStart, field.selectionEnd);
    return true;
  };
  Object.assign(document, { execCommand });
  expect(await press()).toBe('✓ Copied');
  expect(selected).toBe('what is said');
});

it('says that it was not copied, and that stays', async () => {
  const writeText = (): Promise<void> => Promise.reject(new Error('denied'));
  Object.assign(navigator, { clipboard: { writeText } });
  expect(await press()).toContain('did not let it be copied');
  await act(() => jest.advanceTimersByTimeAsync(5_000));
  expect(said()).toContain('did not let');
});
