import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Model } from '../model';
import { useModel } from './drawing';
import { EnrolmentForm } from './enrolment';
import { Failure } from './failure';
import { SignInForm } from './signin';
import { SignedIn } from './signedin';

export interface WhoProps {
  model: Model;
  trans: TranslationBundle;
}

/** Section 1 of the panel: who you are. */
export function Who({ model, trans }: WhoProps): React.JSX.Element {
  useModel(model);
  const [enrolling, setEnrolling] = React.useState(false);
  const [enrolled, setEnrolled] = React.useState<string | null>(null);
  const who = model.who;

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
      {enrolled && <BackUp id={enrolled} trans={trans} />}
      {me.mlo && me.session && model.signedIn ? (
        <SignedIn me={me} mlo={me.mlo} session={me.session} model={model} trans={trans} />
      ) : enrolling ? (
        <EnrolmentForm
          model={model}
          trans={trans}
          onDone={id => {
            setEnrolled(id);
            setEnrolling(false);
          }}
          onCancel={() => {
            setEnrolling(false);
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
          <SignInForm me={me} model={model} trans={trans} suggested={enrolled} />
          <p>
            <button
              type="button"
              className="jp-mod-styled"
              onClick={() => {
                setEnrolling(true);
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

function BackUp(props: { id: string; trans: TranslationBundle }): React.JSX.Element {
  const { id, trans } = props;
  return (
    <div className="jp-mlo-notice" role="status">
      <p>{trans.__('Your MLO ID is')}</p>
      <p className="jp-mlo-id">{id}</p>
      <p>
        {trans.__(
          'Your key is only on this machine. Back it up now, in a terminal, to a place that is not this disk:'
        )}
      </p>
      <p>
        <code>jupyter mlo key backup --of {id} mlo-key.backup</code>
      </p>
    </div>
  );
}
