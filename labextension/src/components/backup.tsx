import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { download } from '../download';
import type { Model } from '../model';
import { Failure } from './failure';
import { PassphraseField, useSecret } from './passphrase';
import { useSending } from './sending';

interface BackUpProps {
  /** MLO ID of who is signed in. */
  id: string;
  model: Model;
  trans: TranslationBundle;
}

/**
 * The back-up of the key, encrypted by the server, as a download; and the command that makes the
 * same file. Where others could listen on the way, the command only.
 */
export function BackUp({ id, model, trans }: BackUpProps): React.JSX.Element {
  const [saved, setSaved] = React.useState<string | null>(null);
  const secret = useSecret();
  const { sending, error, send } = useSending();
  const command = `jupyter mlo key backup --of ${id} mlo-key.backup`;

  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    const passphrase = secret.take();
    if (passphrase === null) {
      return;
    }
    setSaved(null);
    void send(async () => {
      const { name, content } = await model.backUp({ passphrase });
      download(name, content, 'application/json');
      setSaved(name);
    }).then(done => {
      if (!done) {
        secret.focus();
      }
    });
  };

  return (
    <>
      <p>
        {trans.__(
          'Your key is only on this machine. Keep a back-up of it in a place that is not this disk. It is encrypted, and opens only with the passphrase that you have now.'
        )}
      </p>
      {window.isSecureContext ? (
        <form
          className="jp-mlo-form"
          onSubmit={submit}
          aria-label={trans.__('Back up the key')}
        >
          <PassphraseField label={trans.__('Your passphrase')} secret={secret} />
          {error && <Failure error={error} trans={trans} />}
          <button type="submit" className="jp-mod-styled" disabled={sending}>
            {sending ? trans.__('Encrypting …') : trans.__('Download the back-up')}
          </button>
          <p role="status">
            {saved &&
              trans.__(
                'Your browser has saved %1. To take it in elsewhere: jupyter mlo key restore %1',
                saved
              )}
          </p>
        </form>
      ) : (
        <p>
          {trans.__(
            'Not by this page: it did not come by HTTPS, and others could read along.'
          )}
        </p>
      )}
      <p>{trans.__('In a terminal of the server:')}</p>
      <p>
        <code>{command}</code>
      </p>
    </>
  );
}
