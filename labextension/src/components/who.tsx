import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Model } from '../model';
import { HEADING, useArrival } from './arrival';
import { BackUp } from './backup';
import { useModel } from './drawing';
import { EnrolmentForm } from './enrolment';
import { Failure } from './failure';
import { SignInForm } from './signin';
import { SignedIn } from './signedin';

export interface WhoProps {
  model: Model;
  trans: TranslationBundle;
}

type Chosen = 'enrol' | 'sign in' | null;

/** Section 1 of the panel: who you are. */
export function Who({ model, trans }: WhoProps): React.JSX.Element {
  useModel(model);
  /** Whether to enrol or to sign in, where somebody has said so. */
  const [chosen, choose] = React.useState<Chosen>(null);
  const [enrolled, setEnrolled] = React.useState<string | null>(null);
  const { signedIn } = model;
  const enrolling = chosen === null ? isFirst(model) : chosen === 'enrol';
  const part = signedIn ? `signed in ${enrolled ?? ''}` : enrolling ? 'enrol' : 'sign in';
  const here = useArrival(`${model.who.state} ${part}`);
  return (
    <div ref={here}>
      <Part {...{ model, trans, enrolling, choose, enrolled, setEnrolled }} />
    </div>
  );
}

/** The first time nobody has an MLO ID; who names one has. */
function isFirst({ me, asked }: Model): boolean {
  return me?.known.length === 0 && !asked?.who;
}

interface PartProps extends WhoProps {
  enrolling: boolean;
  choose: (chosen: Chosen) => void;
  /** The MLO ID that is new here, until its owner has seen it. */
  enrolled: string | null;
  setEnrolled: (id: string | null) => void;
}

function Part(props: PartProps): React.JSX.Element {
  const { model, trans, enrolling, choose, enrolled, setEnrolled } = props;
  const who = model.who;
  const signedIn = model.signedIn;
  React.useEffect(() => {
    if (!signedIn) {
      setEnrolled(null);
    }
  }, [signedIn, setEnrolled]);

  if (who.state === 'loading') {
    return <p role="status">{trans.__('Asking the server who you are …')}</p>;
  }
  if (who.state === 'failed') {
    return (
      <>
        <Failure error={who.error} trans={trans} />
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          onClick={() => void model.refresh()}
        >
          {trans.__('Try again')}
        </button>
      </>
    );
  }
  const { me } = who;
  const { asked } = model;
  return (
    <>
      <Problems problems={me.problems} trans={trans} />
      {me.user.shared && (
        <p className="jp-mlo-notice">
          {trans.__(
            'Whoever has the token of this server is the same user here: this session is the machine’s.'
          )}
        </p>
      )}
      {enrolled && model.signedIn && me.mlo?.id === enrolled && (
        <section
          {...HEADING}
          className="jp-mlo-notice"
          aria-label={trans.__('Your new MLO ID')}
        >
          <p role="status">
            {trans.__('Your MLO ID is')} <span className="jp-mlo-id">{enrolled}</span>
          </p>
          <BackUp id={enrolled} model={model} trans={trans} />
          <button
            type="button"
            className="jp-mod-styled"
            onClick={() => {
              setEnrolled(null);
            }}
          >
            {trans.__('Done')}
          </button>
        </section>
      )}
      {me.mlo && me.session && model.signedIn ? (
        <>
          <SignedIn
            me={me}
            mlo={me.mlo}
            session={me.session}
            model={model}
            trans={trans}
          />
          {enrolled !== me.mlo.id && !me.session.assistant && (
            <details>
              <summary>{trans.__('Back up the key')}</summary>
              <BackUp id={me.mlo.id} model={model} trans={trans} />
            </details>
          )}
        </>
      ) : enrolling ? (
        <EnrolmentForm
          model={model}
          trans={trans}
          onDone={id => {
            setEnrolled(id);
            choose(null);
          }}
          onCancel={() => {
            choose('sign in');
          }}
        />
      ) : (
        <>
          {me.session && (
            <p className="jp-mlo-notice" role="status">
              {trans.__(
                'Your session has ended. What runs now is nobody’s until you sign in.'
              )}
            </p>
          )}
          <SignInForm key={JSON.stringify(asked)} {...{ me, model, trans, asked }} />
          <p>
            <button
              type="button"
              className="jp-mod-styled"
              onClick={() => {
                choose('enrol');
              }}
            >
              {trans.__('I have no MLO ID yet')}
            </button>
          </p>
        </>
      )}
    </>
  );
}

function Problems(props: {
  problems: string[];
  trans: TranslationBundle;
}): React.JSX.Element | null {
  if (!props.problems.length) {
    return null;
  }
  return (
    <ul className="jp-mlo-notice" aria-label={props.trans.__('Problems')}>
      {props.problems.map(problem => (
        <li key={problem}>{problem}</li>
      ))}
    </ul>
  );
}
