import type { KernelMessage } from '@jupyterlab/services';

/** What `%mlo_login` displays where the server has told the kernel of the panel. */
export const LOGIN = 'application/vnd.jupyter-mlo.login+json';

/** What was said in advance in the cell that asks; null where nothing was. */
export interface Asked {
  /** MLO ID, name or e-mail. */
  who: string | null;
  hours: number | null;
  activity: string | null;
  model: string | null;
  /** MLO ID of a team. */
  onBehalfOf: string | null;
}

/** Longer than anything of ours: a kernel may send whatever it likes. */
const LONGEST = 300;

/**
 * What a message of a kernel asks of this page, if it asks for a sign-in: live, and for a cell that
 * was run from here. Others at the same kernel have their own page, and a saved output asks nobody.
 */
export function askedBy(
  message: KernelMessage.IMessage,
  client: string | undefined
): Asked | null {
  if (message.header.msg_type !== 'display_data') {
    return null;
  }
  const { data } = message.content as KernelMessage.IDisplayDataMsg['content'];
  const parent = message.parent_header as Partial<KernelMessage.IHeader>;
  const said: unknown = data[LOGIN];
  if (typeof said !== 'object' || !said || client === undefined) {
    return null;
  }
  if (parent.session !== client) {
    return null;
  }
  const of = said as Record<string, unknown>;
  return {
    who: text(of['who']),
    hours: typeof of['hours'] === 'number' ? of['hours'] : null,
    activity: text(of['activity']),
    model: text(of['model']),
    onBehalfOf: text(of['onBehalfOf'])
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value.length <= LONGEST ? value : null;
}
