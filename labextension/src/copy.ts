/** Put a text into the system's clipboard, after a click. Whether it is there now. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not there but by HTTPS or from the same machine, or not allowed.
    return bySelection(text);
  }
}

function bySelection(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.className = 'jp-mlo-unseen';
  field.setAttribute('aria-hidden', 'true');
  document.body.append(field);
  field.focus();
  field.select();
  try {
    // The only way on a page that came by plain HTTP.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    field.remove();
    (focused as HTMLElement | null)?.focus();
  }
}
