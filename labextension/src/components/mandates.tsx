import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Mandate, type MandateRevocation, nameOf } from '../api';
import type { OpenNotebooks } from '../document';
import { download } from '../download';
import type { MandateList } from '../mandates';
import type { Model } from '../model';
import { sentences, standing, usesLeft } from '../permits';
import { moment, term } from '../words';
import { ARRIVAL, useArrival } from './arrival';
import { FormButtons } from './buttons';
import { useModel, useSignals } from './drawing';
import { Failure } from './failure';
import { Field } from './field';
import { PassphraseField, useSecret } from './passphrase';
import { useSending } from './sending';
import { DaysField, Sentences, Wizard } from './wizard';

export interface MandatesProps {
  model: Model;
  notebooks: OpenNotebooks | null;
  trans: TranslationBundle;
  /** Whether somebody can see it. */
  seen: boolean;
}

/** Milliseconds between looks at uses, which runs elsewhere spend. */
const LOOK = 15_000;

/** Section 4 of the panel: what may run in your name while you are away. */
export function Mandates(props: MandatesProps): React.JSX.Element {
  const { model, notebooks, trans, seen } = props;
  useModel(model);
  const { mandates } = model;
  useSignals(mandates.changed);
  const [making, setMaking] = React.useState(false);
  const [said, say] = React.useState('');
  const who = model.me?.mlo?.id;
  React.useEffect(() => {
    if (!seen) {
      return;
    }
    void mandates.refresh();
    const timer = setInterval(() => void mandates.refresh(), LOOK);
    return () => {
      clearInterval(timer);
    };
  }, [mandates, who, seen]);

  const { all, error, soon } = mandates;
  const assistant = Boolean(model.me?.session?.assistant);
  const here = useArrival(making ? 'wizard' : 'list');
  return (
    <div ref={here}>
      <p role="status">{said}</p>
      {/* First, so that what comes later does not move it from under a pointer. */}
      {making && model.signedIn ? (
        <Wizard
          {...{ model, trans }}
          path={notebooks?.current?.notebook.path ?? null}
          onDone={text => {
            setMaking(false);
            say(text);
          }}
        />
      ) : model.signedIn && !assistant ? (
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          {...ARRIVAL}
          onClick={() => {
            setMaking(true);
            say('');
          }}
        >
          {trans.__('New mandate …')}
        </button>
      ) : (
        <p className="jp-mlo-hint">
          {assistant
            ? trans.__('An assistant makes no mandates.')
            : trans.__('Sign in to make one.')}
        </p>
      )}
      {error && <Failure error={error} trans={trans} />}
      {error && (
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => void mandates.refresh()}
        >
          {trans.__('Try again')}
        </button>
      )}
      {mandates.problems.length > 0 && (
        <ul className="jp-mlo-notice" aria-label={trans.__('Problems')}>
          {mandates.problems.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      {soon > 0 && (
        <p className="jp-mlo-notice" role="status">
          {trans._n(
            '%1 mandate ends within three days: renew it, or let it end.',
            '%1 mandates end within three days: renew them, or let them end.',
            soon
          )}
        </p>
      )}
      {!all && !error && <p role="status">{trans.__('Asking for your mandates …')}</p>}
      {all?.length === 0 && !making && (
        <p>
          {trans.__(
            'You have none. A mandate lets a notebook run in your name while you are away: that notebook as it is, and nothing else.'
          )}
        </p>
      )}
      <ul className="jp-mlo-plain" aria-label={trans.__('Mandates')}>
        {all?.map(mandate => (
          <Entry key={mandate.id} {...{ mandate, mandates, trans, say }} />
        ))}
      </ul>
    </div>
  );
}

interface EntryProps {
  mandate: Mandate;
  mandates: MandateList;
  trans: TranslationBundle;
  say: (text: string) => void;
}

function Entry({ mandate, mandates, trans, say }: EntryProps): React.JSX.Element {
  const [open, setOpen] = React.useState(false);
  const [asking, ask] = React.useState<'renew' | 'revoke' | null>(null);
  const id = React.useId();
  const { scope, state } = mandate;
  const shown = scope.parameters?.map(each => each.name).join(', ');
  const about = [
    scope.activities.map(each => term(each, trans)).join(', '),
    scope.models.join(', '),
    scope.parameters === null ? trans.__('any parameters') : shown
  ];
  const done = (text: string): void => {
    ask(null);
    say(text);
  };
  const here = useArrival<HTMLLIElement>(asking ?? '', '[data-mlo-entry]');
  return (
    <li ref={here} className="jp-mlo-mandate" data-state={mandate.soon ? 'soon' : state}>
      <button
        data-mlo-entry
        type="button"
        className="jp-mlo-entry"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          setOpen(!open);
        }}
      >
        <span>
          <span className="jp-mlo-name">{scope.notebook}</span>{' '}
          <span className="jp-mlo-id">{mandate.id.slice(0, 12)}</span>
          <br />
          {about.filter(Boolean).join(' · ')}
          <br />
          <span className="jp-mlo-stands">
            {[standing(mandate, trans), usesLeft(mandate, trans)]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </span>
      </button>
      <div id={id}>
        {open && (
          <div className="jp-mlo-statement">
            <Details mandate={mandate} trans={trans} />
            {asking === 'renew' ? (
              <Renew {...{ mandate, mandates, trans }} onDone={done} />
            ) : asking === 'revoke' ? (
              <Revoke {...{ mandate, mandates, trans }} onDone={done} />
            ) : (
              state !== 'revoked' && (
                <div className="jp-mlo-buttons">
                  <button
                    type="button"
                    className="jp-mod-styled"
                    onClick={() => {
                      ask('renew');
                    }}
                  >
                    {trans.__('Renew …')}
                  </button>
                  {state !== 'ended' && (
                    <button
                      type="button"
                      className="jp-mod-styled jp-mod-warn"
                      onClick={() => {
                        ask('revoke');
                      }}
                    >
                      {trans.__('Revoke …')}
                    </button>
                  )}
                </div>
              )
            )}
          </div>
        )}
      </div>
    </li>
  );
}

function Details(props: {
  mandate: Mandate;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { mandate, trans } = props;
  return (
    <>
      <Sentences lines={sentences(mandate.scope, trans)} />
      <p>
        {trans.__(
          'From %1 until %2.',
          moment(mandate.notBefore),
          moment(mandate.notAfter)
        )}
      </p>
      <p>
        {mandate.key === 'runner'
          ? trans.__('For the runner with the key %1.', mandate.scope.runner)
          : mandate.key === 'kept'
            ? trans.__('Its key is kept on this server, for jobs here.')
            : trans.__('Its key is in the file that was handed out.')}
      </p>
      {mandate.fileInShell !== null && ['in-force', 'begins'].includes(mandate.state) && (
        <>
          <p>{trans.__('In a terminal of the server:')}</p>
          <p>
            <code>{`MLO_MANDATE=${mandate.fileInShell} papermill --engine mlo …`}</code>
          </p>
        </>
      )}
      <p>{trans.__('Made by %1.', nameOf(mandate.mlo))}</p>
      <p className="jp-mlo-id">{mandate.id}</p>
      {mandate.replaces !== null && (
        <p>{trans.__('In place of %1.', mandate.replaces.slice(0, 12))}</p>
      )}
    </>
  );
}

interface AskingProps {
  mandate: Mandate;
  mandates: MandateList;
  trans: TranslationBundle;
  onDone: (said: string) => void;
}

function Renew({ mandate, mandates, trans, onDone }: AskingProps): React.JSX.Element {
  const [days, setDays] = React.useState(30);
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
    void send(async () => {
      const form = { hours: days * 24, passphrase };
      const { file } = await mandates.renew(mandate.id, form);
      if (file) {
        download(file.name, file.content, 'application/json');
      }
    }).then(done => {
      if (done) {
        onDone(trans.__('A new mandate stands in place of %1.', mandate.id.slice(0, 12)));
      } else {
        secret.focus();
      }
    });
  };
  return (
    <form className="jp-mlo-form" onSubmit={submit} aria-label={trans.__('Renew')}>
      <p>
        {trans.__(
          'The same again, from now on, with as many uses anew. The old one goes on until its own end.'
        )}
      </p>
      {mandate.key === 'elsewhere' && (
        <p>
          {trans.__(
            'Your browser will save the new file. Whoever can read it can run this in your name.'
          )}
        </p>
      )}
      <DaysField value={days} onPick={setDays} trans={trans} />
      <PassphraseField label={trans.__('Your passphrase')} secret={secret} />
      {error && <Failure error={error} trans={trans} />}
      <FormButtons
        label={trans.__('Renew')}
        sending={sending}
        trans={trans}
        onCancel={() => {
          onDone('');
        }}
      />
    </form>
  );
}

type Reason = NonNullable<MandateRevocation['reason']>;
const REASONS: Reason[] = ['ended', 'superseded', 'left', 'lost'];

function Revoke({ mandate, mandates, trans, onDone }: AskingProps): React.JSX.Element {
  const [reason, setReason] = React.useState<Reason>('ended');
  const secret = useSecret();
  const { sending, error, send } = useSending();
  const words: Record<Reason, string> = {
    ended: trans.__('it is not needed any more'),
    superseded: trans.__('another stands in its place'),
    left: trans.__('the runner, or I, left'),
    lost: trans.__('its key was lost')
  };
  React.useEffect(() => {
    secret.focus();
  }, [secret]);
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    const passphrase = secret.take();
    if (passphrase === null) {
      return;
    }
    void send(() => mandates.revoke(mandate.id, { reason, passphrase })).then(done => {
      if (done) {
        onDone(trans.__('The mandate %1 is revoked.', mandate.id.slice(0, 12)));
      } else {
        secret.focus();
      }
    });
  };
  return (
    <form className="jp-mlo-form" onSubmit={submit} aria-label={trans.__('Revoke')}>
      <p>
        {trans.__(
          'It ends now and is not taken back. Runs that see this server or its ledger are refused from their next notebook on; what was done stays on record.'
        )}
      </p>
      <Field label={trans.__('Reason')}>
        {attributes => (
          <select
            {...attributes}
            className="jp-mod-styled"
            value={reason}
            onChange={event => {
              setReason(event.target.value as Reason);
            }}
          >
            {REASONS.map(each => (
              <option key={each} value={each}>
                {words[each]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <PassphraseField label={trans.__('Your passphrase')} secret={secret} />
      {error && <Failure error={error} trans={trans} />}
      <FormButtons
        label={trans.__('Revoke')}
        warn
        sending={sending}
        trans={trans}
        onCancel={() => {
          onDone('');
        }}
      />
    </form>
  );
}
