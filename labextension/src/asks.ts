import type { KernelMessage } from '@jupyterlab/services';

/** What `%mlo_login` displays where the server has told the kernel of the panel. */
export const LOGIN = 'application/vnd.jupyter-mlo.login+json';

/**
 * Whether a message of a kernel asks this page for a sign-in: live, and for a cell that was run
 * from here. Others at the same kernel have their own page, and a saved output asks nobody.
 */
export function asksForSignIn(
  message: KernelMessage.IMessage,
  client: string | undefined
): boolean {
  if (message.header.msg_type !== 'display_data') {
    return false;
  }
  const { data } = message.content as KernelMessage.IDisplayDataMsg['content'];
  const parent = message.parent_header as Partial<KernelMessage.IHeader>;
  return LOGIN in data && client !== undefined && parent.session === client;
}
