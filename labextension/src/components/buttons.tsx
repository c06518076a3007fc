import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** The end of a form: what it does, and the way back. */
export function FormButtons(props: {
  label: string;
  warn?: boolean;
  sending: boolean;
  trans: TranslationBundle;
  onCancel: () => void;
}): React.JSX.Element {
  const { label, warn, sending, trans, onCancel } = props;
  return (
    <div className="jp-mlo-buttons">
      <button
        type="submit"
        className={`jp-mod-styled ${warn ? 'jp-mod-warn' : 'jp-mod-accept'}`}
        disabled={sending}
      >
        {label}
      </button>
      <button type="button" className="jp-mod-styled" onClick={onCancel}>
        {trans.__('Cancel')}
      </button>
    </div>
  );
}
