import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Model } from '../model';
import { Failure } from './failure';
import { Field } from './field';
import { useSending } from './sending';

interface EnrolmentProps {
  model: Model;
  trans: TranslationBundle;
  /** With the new MLO ID. */
  onDone: (id: string | null) => void;
  onCancel: () => void;
}

/** First time here: a name, and a passphrase typed twice. */
export function EnrolmentForm(props: EnrolmentProps): React.JSX.Element {
  const { model, trans, onDone, onCancel } = props;
  const [name, setName] = React.useState('');
  const [email, setEmail] = React.useState('');
  const [differ, setDiffer] = React.useState(false);
  const first = React.useRef<HTMLInputElement>(null);
  const again = React.useRef<HTMLInputElement>(null);
  const { sending, error, send } = useSending();

  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    const [one, two] = [first.current, again.current];
    if (!one || !two) {
      return;
    }
    const secret = one.value;
    const differing = secret !== two.value;
    setDiffer(differing);
    if (differing) {
      two.focus();
      return;
    }
    one.value = two.value = '';
    let id: string | null = null;
    void send(async () => {
      id = await model.enroll({
        name: name.trim(),
        email: email.trim(),
        passphrase: secret
      });
    }).then(done => {
      if (done) {
        onDone(id);
      } else {
        one.focus();
      }
    });
  };

  return (
    <form className="jp-mlo-form" onSubmit={submit} aria-label={trans.__('Enrol')}>
      <p>
        {trans.__(
          'You get an MLO ID and a key that only your passphrase opens. Nobody can reset it.'
        )}
      </p>
      <Field label={trans.__('Name')}>
        {attributes => (
          <input
            {...attributes}
            className="jp-mod-styled"
            value={name}
            onChange={event => {
              setName(event.target.value);
            }}
            autoComplete="name"
            data-mlo-first
            required
          />
        )}
      </Field>
      <Field label={trans.__('E-mail')}>
        {attributes => (
          <input
            {...attributes}
            className="jp-mod-styled"
            type="email"
            value={email}
            onChange={event => {
              setEmail(event.target.value);
            }}
            autoComplete="email"
          />
        )}
      </Field>
      <Field label={trans.__('New passphrase')}>
        {attributes => (
          <input
            {...attributes}
            ref={first}
            className="jp-mod-styled"
            type="password"
            autoComplete="new-password"
            required
          />
        )}
      </Field>
      <Field
        label={trans.__('The same again')}
        invalid={differ}
        note={differ && trans.__('The two differ.')}
      >
        {attributes => (
          <input
            {...attributes}
            ref={again}
            className="jp-mod-styled"
            type="password"
            autoComplete="new-password"
            required
          />
        )}
      </Field>
      {error && <Failure error={error} trans={trans} />}
      <div className="jp-mlo-buttons">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={sending}>
          {sending ? trans.__('Enrolling …') : trans.__('Enrol')}
        </button>
        <button type="button" className="jp-mlo-link" onClick={onCancel}>
          {trans.__('I have an MLO ID already')}
        </button>
      </div>
    </form>
  );
}
