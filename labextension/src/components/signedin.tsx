import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Acting, type Me, nameOf, type Session, type Somebody } from '../api';
import type { Model } from '../model';
import { timeLeft } from '../words';
import { Avatar } from './avatar';
import { Failure } from './failure';
import { Field } from './field';
import { useSending } from './sending';
import { HoursPicker } from './signin';

interface SignedInProps {
  me: Me;
  mlo: Somebody;
  session: Session;
  model: Model;
  trans: TranslationBundle;
}

/** Name, ID, kind, assurance; what for; how long still. */
export function SignedIn(props: SignedInProps): React.JSX.Element {
  const { me, mlo, session, model, trans } = props;
  const [renewing, setRenewing] = React.useState(false);
  const { sending, error, send } = useSending();
  const present = (form: Acting): void => {
    void send(() => model.act(form));
  };

  return (
    <div className="jp-mlo-form" aria-busy={sending}>
      <div className="jp-mlo-who">
        <Avatar mlo={mlo} />
        <div>
          <div className="jp-mlo-name">{nameOf(mlo)}</div>
          <div className="jp-mlo-id">{mlo.id}</div>
          <div>{[mlo.kind, me.assurance].filter(Boolean).join(', ')}</div>
        </div>
      </div>
      {session.onBehalfOf && (
        <p>{trans.__('On behalf of %1', nameOf(session.onBehalfOf))}</p>
      )}
      {session.assistant && (
        <p>{trans.__('By the assistant %1', nameOf(session.assistant))}</p>
      )}
      <p role="timer">{trans.__('%1 left', timeLeft(model.secondsLeft, trans))}</p>
      <Field label={trans.__('Activity')}>
        {attributes => (
          <select
            {...attributes}
            className="jp-mod-styled"
            value={session.activity ?? 'exploration'}
            disabled={sending}
            data-mlo-first
            onChange={event => {
              present({ activity: event.target.value });
            }}
          >
            {[...new Set([session.activity ?? 'exploration', ...me.activities])].map(
              name => (
                <option key={name}>{name}</option>
              )
            )}
          </select>
        )}
      </Field>
      <Line
        label={trans.__('Model')}
        placeholder="name@version"
        value={session.model ?? ''}
        onChange={value => {
          present({ model: value });
        }}
      />
      {error && <Failure error={error} trans={trans} />}
      {renewing ? (
        <Renewing
          model={model}
          trans={trans}
          onDone={() => {
            setRenewing(false);
          }}
        />
      ) : (
        <div className="jp-mlo-buttons">
          <button
            type="button"
            className="jp-mod-styled"
            onClick={() => {
              setRenewing(true);
            }}
          >
            {trans.__('Stay longer')}
          </button>
          <button
            type="button"
            className="jp-mod-styled jp-mod-warn"
            disabled={sending}
            onClick={() => void send(() => model.logout())}
          >
            {trans.__('Sign out')}
          </button>
        </div>
      )}
    </div>
  );
}

/** A line of text that is sent when it is left or Enter is pressed; Escape takes it back. */
function Line(props: {
  label: string;
  value: string;
  placeholder: string;
  onChange: (value: string) => void;
}): React.JSX.Element {
  const [draft, setDraft] = React.useState(props.value);
  React.useEffect(() => {
    setDraft(props.value);
  }, [props.value]);
  const commit = (): void => {
    if (draft.trim() !== props.value) {
      props.onChange(draft.trim());
    }
  };
  return (
    <Field label={props.label}>
      {attributes => (
        <input
          {...attributes}
          className="jp-mod-styled"
          value={draft}
          placeholder={props.placeholder}
          autoComplete="off"
          spellCheck={false}
          onChange={event => {
            setDraft(event.target.value);
          }}
          onBlur={commit}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              commit();
            } else if (event.key === 'Escape') {
              setDraft(props.value);
            }
          }}
        />
      )}
    </Field>
  );
}

function Renewing(props: {
  model: Model;
  trans: TranslationBundle;
  onDone: () => void;
}): React.JSX.Element {
  const { model, trans, onDone } = props;
  const [hours, setHours] = React.useState(8);
  const passphrase = React.useRef<HTMLInputElement>(null);
  const { sending, error, send } = useSending();
  React.useEffect(() => {
    passphrase.current?.focus();
  }, []);
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    const field = passphrase.current;
    if (!field) {
      return;
    }
    const secret = field.value;
    field.value = '';
    void send(() => model.renew({ passphrase: secret, hours })).then(done => {
      if (done) {
        onDone();
      } else {
        field.focus();
      }
    });
  };
  return (
    <form onSubmit={submit} className="jp-mlo-form" aria-label={trans.__('Stay longer')}>
      <Field label={trans.__('Passphrase')}>
        {attributes => (
          <input
            {...attributes}
            ref={passphrase}
            className="jp-mod-styled"
            type="password"
            autoComplete="current-password"
            required
          />
        )}
      </Field>
      <Field label={trans.__('For')}>
        {attributes => (
          <HoursPicker
            attributes={attributes}
            value={hours}
            onPick={setHours}
            trans={trans}
          />
        )}
      </Field>
      {error && <Failure error={error} trans={trans} />}
      <div className="jp-mlo-buttons">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={sending}>
          {trans.__('Stay longer')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={onDone}>
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}
