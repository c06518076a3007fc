import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { copy } from '../copy';

/** Milliseconds for which it is said that something was copied. */
const SHOWN = 2_000;

/** A button that copies a text, and says beside it whether that went well. */
export function CopyButton(props: {
  label: string;
  text: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { label, text, trans } = props;
  const [copied, setCopied] = React.useState<boolean | null>(null);
  const timer = React.useRef<ReturnType<typeof setTimeout>>();
  const here = React.useRef(true);
  React.useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
      clearTimeout(timer.current);
    };
  }, []);
  const onClick = async (): Promise<void> => {
    clearTimeout(timer.current);
    const done = await copy(text);
    if (!here.current) {
      return;
    }
    setCopied(done);
    // What went wrong stays until it is tried again.
    if (done) {
      timer.current = setTimeout(() => {
        setCopied(null);
      }, SHOWN);
    }
  };
  return (
    <>
      <button type="button" className="jp-mod-styled" onClick={() => void onClick()}>
        {label}
      </button>
      <span role="status" className="jp-mlo-copied">
        {copied && `✓ ${trans.__('Copied')}`}
        {copied === false &&
          trans.__('The browser did not let it be copied: select the text and copy it.')}
      </span>
    </>
  );
}
