import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Acting, type Me, nameOf, type Session, type Somebody } from '../api';
import type { Model } from '../model';
import type { Asked } from '../asks';
import { term, timeLeft } from '../words';
import { HEADING, useArrival } from './arrival';
import { Avatar } from './avatar';
import { Failure } from './failure';
import { Field } from './field';
import { PassphraseField, useSecret } from './passphrase';
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
  /** The team to go on for; empty for none, null while nothing is asked. */
  const [renewing, setRenewing] = React.useState<string | null>(null);
  const acting = session.onBehalfOf?.id ?? '';
  const { sending, error, send } = useSending();
  const present = (form: Acting): void => {
    void send(() => model.act(form));
  };
  const part = `${renewing !== null} ${model.asked !== null}`;
  const here = useArrival(part, '[data-mlo-stay]');

  return (
    <div ref={here} className="jp-mlo-form" aria-busy={sending}>
      <div
        {...HEADING}
        className="jp-mlo-who"
        role="group"
        aria-label={trans.__('Signed in as %1', nameOf(mlo))}
      >
        <Avatar mlo={mlo} />
        <div>
          <div className="jp-mlo-name">{nameOf(mlo)}</div>
          <div className="jp-mlo-id">{mlo.id}</div>
          <div>
            {[mlo.kind, me.assurance]
              .filter(each => each !== null)
              .map(each => term(each, trans))
              .join(', ')}
          </div>
        </div>
      </div>
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
                <option key={name} value={name}>
                  {term(name, trans)}
                </option>
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
      <Teams
        session={session}
        teams={me.teams}
        value={renewing ?? acting}
        trans={trans}
        onPick={team => {
          setRenewing(team === acting ? null : team);
        }}
      />
      {model.asked && <AskedFor asked={model.asked} {...{ model, trans, present }} />}
      {error && <Failure error={error} trans={trans} />}
      {renewing !== null ? (
        <Renewing
          model={model}
          team={renewing === acting ? null : renewing}
          trans={trans}
          onDone={() => {
            setRenewing(null);
          }}
        />
      ) : (
        <div className="jp-mlo-buttons">
          <button
            type="button"
            className="jp-mod-styled"
            data-mlo-stay
            onClick={() => {
              setRenewing(acting);
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

/** For whom one acts. Who that is stands in the session's delegation: another takes a new one. */
function Teams(props: {
  session: Session;
  teams: Somebody[];
  value: string;
  trans: TranslationBundle;
  onPick: (team: string) => void;
}): React.JSX.Element | null {
  const { session, teams, value, trans, onPick } = props;
  const now = session.onBehalfOf;
  const all = new Map([...(now ? [now] : []), ...teams].map(each => [each.id, each]));
  return all.size ? (
    <Field
      label={trans.__('On behalf of')}
      note={
        value !== (now?.id ?? '') &&
        trans.__('That is a new session: type your passphrase.')
      }
    >
      {attributes => (
        <select
          {...attributes}
          className="jp-mod-styled"
          value={value}
          onChange={event => {
            onPick(event.target.value);
          }}
        >
          <option value="">{trans.__('myself')}</option>
          {[...all.values()].map(team => (
            <option key={team.id} value={team.id}>
              {nameOf(team)}
            </option>
          ))}
        </select>
      )}
    </Field>
  ) : null;
}

/** What `%mlo_login` in a cell said although somebody is signed in: nothing without a click. */
function AskedFor(props: {
  asked: Asked;
  model: Model;
  trans: TranslationBundle;
  present: (form: Acting) => void;
}): React.JSX.Element | null {
  const { asked, model, trans, present } = props;
  const { activity, model: about } = asked;
  if (activity === null && about === null) {
    return null;
  }
  const said = [activity && term(activity, trans), about].filter(Boolean).join(', ');
  return (
    <div className="jp-mlo-notice" role="status">
      <p>{trans.__('A cell asks you to work on: %1', said)}</p>
      <div className="jp-mlo-buttons">
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => {
            present({
              ...(activity !== null && { activity }),
              ...(about !== null && { model: about })
            });
          }}
        >
          {trans.__('Do so')}
        </button>
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => {
            model.asked = null;
          }}
        >
          {trans.__('Stay as it is')}
        </button>
      </div>
    </div>
  );
}

function Renewing(props: {
  model: Model;
  /** Another team, or empty for none any more; null: as it is. */
  team: string | null;
  trans: TranslationBundle;
  onDone: () => void;
}): React.JSX.Element {
  const { model, team, trans, onDone } = props;
  const label = team === null ? trans.__('Stay longer') : trans.__('Change');
  const [hours, setHours] = React.useState(8);
  const secret = useSecret();
  const { sending, error, send } = useSending();
  React.useEffect(() => {
    secret.focus();
  }, [secret]);
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    const passphrase = secret.take();
    if (passphrase === null) {
      return;
    }
    void send(() =>
      model.renew({
        passphrase,
        hours,
        ...(team !== null && { onBehalfOf: team })
      })
    ).then(done => {
      if (done) {
        onDone();
      } else {
        secret.focus();
      }
    });
  };
  return (
    <form onSubmit={submit} className="jp-mlo-form" aria-label={label}>
      <PassphraseField label={trans.__('Passphrase')} secret={secret} />
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
          {label}
        </button>
        <button type="button" className="jp-mod-styled" onClick={onDone}>
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}
