import type { KernelMessage } from '@jupyterlab/services';
import { askedBy, LOGIN } from '../src/asks';

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

describe('askedBy', () => {
  const nothing = {
    ...{ who: null, hours: null, activity: null, model: null, onBehalfOf: null }
  };
  const said = {
    ...nothing,
    who: 'ada',
    hours: 2,
    activity: 'training',
    model: 'credit'
  };
  const asks = { [LOGIN]: said, 'text/plain': 'sign in' };

  it('is what a login says in a cell that was run from here', () => {
    expect(askedBy(message('mine', asks), 'mine')).toEqual(said);
  });

  it('is nothing of cells of others at the same kernel', () => {
    expect(askedBy(message('theirs', asks), 'mine')).toBeNull();
    expect(askedBy(message('mine', asks), undefined)).toBeNull();
  });

  it('is nothing of other outputs and messages', () => {
    expect(askedBy(message('mine', { 'text/plain': '1' }), 'mine')).toBeNull();
    expect(askedBy(message('mine', asks, 'update_display_data'), 'mine')).toBeNull();
    const status = { header: { msg_type: 'status' }, parent_header: {}, content: {} };
    const busy = status as unknown as KernelMessage.IIOPubMessage;
    expect(askedBy(busy, 'mine')).toBeNull();
  });

  it('takes nothing from a kernel but short texts and a number', () => {
    const odd = { who: { id: 1 }, hours: '9', activity: 'x'.repeat(301), model: 7 };
    expect(askedBy(message('mine', { [LOGIN]: odd }), 'mine')).toEqual(nothing);
    expect(askedBy(message('mine', { [LOGIN]: 'ada' }), 'mine')).toBeNull();
  });
});
