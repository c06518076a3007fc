import type { KernelMessage } from '@jupyterlab/services';
import { asksForSignIn, LOGIN } from '../src/asks';

function message(
  session: string,
  data: Record<string, unknown>,
  kind = 'display_data'
): KernelMessage.IIOPubMessage {
  return {
    header: { msg_type: kind },
    parent_header: { session },
    content: { data, metadata: {} }
  } as unknown as KernelMessage.IIOPubMessage;
}

describe('asksForSignIn', () => {
  const asks = { [LOGIN]: { activity: null, model: null }, 'text/plain': 'sign in' };

  it('is so for a login in a cell that was run from here', () => {
    expect(asksForSignIn(message('mine', asks), 'mine')).toBe(true);
  });

  it('is not so for cells of others at the same kernel', () => {
    expect(asksForSignIn(message('theirs', asks), 'mine')).toBe(false);
    expect(asksForSignIn(message('mine', asks), undefined)).toBe(false);
  });

  it('is not so for other outputs and messages', () => {
    expect(asksForSignIn(message('mine', { 'text/plain': '1' }), 'mine')).toBe(false);
    expect(asksForSignIn(message('mine', asks, 'update_display_data'), 'mine')).toBe(
      false
    );
    const status = { header: { msg_type: 'status' }, parent_header: {}, content: {} };
    const busy = status as unknown as KernelMessage.IIOPubMessage;
    expect(asksForSignIn(busy, 'mine')).toBe(false);
  });
});
