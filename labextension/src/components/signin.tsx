import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Me, nameOf } from '../api';
import { readTyped, type Typed } from '../mloid';
import type { Asked } from '../asks';
import type { Model } from '../model';
import { term, timeLeft } from '../words';
import { Failure } from './failure';
import { Field } from './field';
import { PassphraseField, useSecret } from './passphrase';
import { useSending } from './sending';

export const HOURS = [1, 2, 4, 8, 12];

interface SignInProps {
  me: Me;
  model: Model;
  trans: TranslationBundle;
  /** What a cell has said in advance. */
  asked: Asked | null;
}

/** The prompt: identifier, passphrase, duration, activity and model. */
export function SignInForm({ me, model, trans, asked }: SignInProps): React.JSX.Element {
  const only = me.known.length === 1 ? me.known[0]?.id : undefined;
  const prefilled = asked?.who ? idOf(asked.who, me) : only;
  const ready = ['right', 'other'].includes(readTyped(prefilled ?? '').state);
  const [typed, setTyped] = React.useState(prefilled ?? '');
  const [hours, setHours] = React.useState(hoursOf(asked));
  const [activity, setActivity] = React.useState(activityOf(asked, me));
  const [about, setAbout] = React.useState(asked?.model ?? '');
  const [team, setTeam] = React.useState(asked?.onBehalfOf ?? '');
  const secret = useSecret();
  const { sending, error, send } = useSending();
  const list = React.useId();

  const read = readTyped(typed);
  const wrong =
    read.state === 'mistyped' || read.state === 'foreign' || read.state === 'too-long';
  const id = 'id' in read && !wrong ? read.id : null;
  const known = me.known.find(mlo => mlo.id === id);

  const form = React.useRef<HTMLFormElement>(null);
  React.useEffect(() => {
    // A cell asked just now: this form is drawn in the place of the one that had the focus.
    if (asked) {
      form.current?.querySelector<HTMLElement>('[data-mlo-first]')?.focus();
    }
  }, [asked]);

  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    const passphrase = id ? secret.take() : null;
    if (!id || passphrase === null) {
      return;
    }
    void send(() =>
      model.login({
        mlo: id,
        passphrase,
        hours,
        ...(activity && { activity }),
        ...(about.trim() && { model: about.trim() }),
        ...(team.trim() && { onBehalfOf: team.trim() })
      })
    ).then(done => {
      if (!done) {
        secret.focus();
      }
    });
  };

  return (
    <form
      ref={form}
      className="jp-mlo-form"
      onSubmit={submit}
      aria-label={trans.__('Sign in')}
    >
      <Field
        label={trans.__('MLO ID')}
        invalid={wrong}
        note={
          known
            ? `${nameOf(known)} (${term(known.kind ?? '?', trans)})`
            : words(read, trans)
        }
      >
        {attributes => (
          <input
            {...attributes}
            className="jp-mod-styled jp-mlo-id"
            value={typed}
            list={list}
            onChange={event => {
              setTyped(event.target.value);
            }}
            placeholder="mlo:XXXX-XXXX-XXXX"
            autoComplete="username"
            autoCapitalize="characters"
            spellCheck={false}
            data-mlo-first={ready ? undefined : ''}
            required
          />
        )}
      </Field>
      <datalist id={list}>
        {me.known.map(mlo => (
          <option key={mlo.id} value={mlo.id}>
            {nameOf(mlo)}
          </option>
        ))}
      </datalist>
      <PassphraseField label={trans.__('Passphrase')} secret={secret} first={ready} />
      {error && <Failure error={error} trans={trans} />}
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
      <Field label={trans.__('Activity')}>
        {attributes => (
          <select
            {...attributes}
            className="jp-mod-styled"
            value={activity}
            onChange={event => {
              setActivity(event.target.value);
            }}
          >
            {me.activities.map(name => (
              <option key={name} value={name}>
                {term(name, trans)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <details open={Boolean(asked?.model) || Boolean(asked?.onBehalfOf)}>
        <summary>{trans.__('A model, a team')}</summary>
        <Field label={trans.__('Model (may be left empty)')}>
          {attributes => (
            <input
              {...attributes}
              className="jp-mod-styled"
              value={about}
              onChange={event => {
                setAbout(event.target.value);
              }}
              placeholder="name@version"
              autoComplete="off"
              spellCheck={false}
            />
          )}
        </Field>
        <Field label={trans.__('On behalf of a team (may be left empty)')}>
          {attributes => (
            <input
              {...attributes}
              className="jp-mod-styled"
              value={team}
              onChange={event => {
                setTeam(event.target.value);
              }}
              placeholder="mlo:XXXX-XXXX-XXXX"
              autoComplete="off"
              spellCheck={false}
            />
          )}
        </Field>
      </details>
      <button
        type="submit"
        className="jp-mod-styled jp-mod-accept"
        disabled={sending || !id}
        aria-busy={sending}
      >
        {sending ? trans.__('Signing in …') : trans.__('Sign in')}
      </button>
    </form>
  );
}

export function HoursPicker(props: {
  attributes: object;
  value: number;
  onPick: (hours: number) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  return (
    <select
      {...props.attributes}
      className="jp-mod-styled"
      value={props.value}
      onChange={event => {
        props.onPick(Number(event.target.value));
      }}
    >
      {[...new Set([...HOURS, props.value])]
        .sort((a, b) => a - b)
        .map(hours => (
          <option key={hours} value={hours}>
            {Number.isInteger(hours)
              ? props.trans._n('%1 hour', '%1 hours', hours)
              : timeLeft(hours * 3600, props.trans)}
          </option>
        ))}
    </select>
  );
}

/** The MLO ID of a name that is known here; else what was said. */
function idOf(who: string, me: Me): string {
  const found = me.known.filter(
    ({ id, name }) => id === who || name?.toLowerCase() === who.toLowerCase()
  );
  return found.length === 1 && found[0] ? found[0].id : who;
}

function hoursOf(asked: Asked | null): number {
  const hours = asked?.hours ?? 8;
  return hours > 0 && hours <= 24 ? hours : 8;
}

function activityOf(asked: Asked | null, me: Me): string {
  const wanted = [asked?.activity, 'exploration', me.activities[0]];
  return wanted.find(each => each && me.activities.includes(each)) ?? '';
}

function words(read: Typed, trans: TranslationBundle): string {
  switch (read.state) {
    case 'empty':
      return '';
    case 'other':
      return trans.__('Not a native MLO ID: the server will look it up.');
    case 'foreign':
      return trans.__('%1 cannot stand in an MLO ID.', read.characters.join(' '));
    case 'incomplete':
      return trans._n('%1 more character', '%1 more characters', read.missing);
    case 'too-long':
      return trans.__('Too long: an MLO ID has 12 characters.');
    case 'mistyped':
      return trans.__(
        'Mistyped: the check character does not match. Compare it with the original.'
      );
    case 'right':
      return trans.__('The check character matches.');
  }
}
