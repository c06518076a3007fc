import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { MandatePreview } from '../api';
import { download } from '../download';
import { type Draft, draftFor, rowProblem, rowsFor, wishOf } from '../mandates';
import type { Model } from '../model';
import { sentences, until } from '../permits';
import { term } from '../words';
import { Failure } from './failure';
import { Field } from './field';
import { Parameters } from './parameters';
import { PassphraseField, useSecret } from './passphrase';
import { useSending } from './sending';

interface WizardProps {
  model: Model;
  /** The notebook that is open, to begin with. */
  path: string | null;
  trans: TranslationBundle;
  /** With what is to be said of it; empty where nothing was made. */
  onDone: (said: string) => void;
}

/** A new mandate: for which notebooks, what it permits, and how that reads before it is signed. */
export function Wizard({ model, path, trans, onDone }: WizardProps): React.JSX.Element {
  const session = model.me?.session;
  const [draft, setDraft] = React.useState(() =>
    draftFor(path, session?.activity ?? null, session?.model ?? null)
  );
  const [step, setStep] = React.useState<1 | 2 | 3>(1);
  const [preview, setPreview] = React.useState<MandatePreview | null>(null);
  const { sending, error, send } = useSending();
  const secret = useSecret();
  const form = React.useRef<HTMLFormElement>(null);
  const change = (part: Partial<Draft>): void => {
    setDraft({ ...draft, ...part });
  };
  React.useEffect(() => {
    form.current
      ?.querySelector<HTMLElement>('input:not([type=radio]), textarea, select')
      ?.focus();
  }, [step]);

  /** What the server makes of it; of the notebooks alone before more was filled in. */
  const look = async (to: 2 | 3): Promise<void> => {
    const wished = wishOf(
      to === 2 ? { ...draft, parameters: [], uses: '', handover: 'kept' } : draft
    );
    const found = await model.api.preview(wished);
    setPreview(found);
    if (to === 2) {
      const declared = found.notebooks.flatMap(each => each.parameters);
      change({ parameters: rowsFor(declared, draft.parameters) });
    }
    setStep(to);
  };
  const make = async (passphrase: string, shown: string): Promise<void> => {
    const { mandate, file } = await model.mandates.make({
      ...{ wish: wishOf(draft), shown, handover: draft.handover, passphrase }
    });
    if (file) {
      download(file.name, file.content, 'application/json');
    }
    const id = mandate.id.slice(0, 12);
    onDone(
      file
        ? trans.__('The mandate %1 was made; your browser has saved %2.', id, file.name)
        : trans.__('The mandate %1 was made, and is kept here.', id)
    );
  };
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    if (step !== 3) {
      void send(() => look(step === 1 ? 2 : 3));
      return;
    }
    const passphrase = secret.take();
    if (passphrase === null || !preview) {
      return;
    }
    void send(() => make(passphrase, preview.shown)).then(done => {
      if (!done) {
        secret.focus();
      }
    });
  };
  const titles = {
    1: trans.__('What may run'),
    2: trans.__('How often, with what, and where'),
    3: trans.__('What you will sign')
  };
  const wrong = step === 2 && draft.parameters.some(each => rowProblem(each) !== null);

  return (
    <form
      ref={form}
      className="jp-mlo-form jp-mlo-wizard"
      onSubmit={submit}
      aria-label={trans.__('New mandate')}
      aria-busy={sending}
    >
      <h3 role="status">{trans.__('%1 of 3: %2', step, titles[step])}</h3>
      {step === 1 && (
        <What
          {...{ draft, change, trans }}
          activities={[...new Set([draft.activity, ...(model.me?.activities ?? [])])]}
        />
      )}
      {step === 2 && preview && <How {...{ draft, change, preview, trans }} />}
      {step === 3 && preview && (
        <>
          <Sentences
            lines={[
              ...sentences(preview.scope, trans),
              until(preview.hours, Date.now(), trans),
              ...preview.notes
            ]}
          />
          <p>{whose(draft, preview, trans)}</p>
          <Notebooks preview={preview} trans={trans} />
          <PassphraseField label={trans.__('Your passphrase')} secret={secret} />
        </>
      )}
      {error && <Failure error={error} trans={trans} />}
      <div className="jp-mlo-buttons">
        <button
          type="submit"
          className="jp-mod-styled jp-mod-accept"
          disabled={sending || wrong}
        >
          {step === 3 ? trans.__('Make the mandate') : trans.__('Next')}
        </button>
        {step > 1 && (
          <button
            type="button"
            className="jp-mod-styled"
            onClick={() => {
              setStep(step === 3 ? 2 : 1);
            }}
          >
            {trans.__('Back')}
          </button>
        )}
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => {
            onDone('');
          }}
        >
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

interface StepProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  trans: TranslationBundle;
}

function What(props: StepProps & { activities: string[] }): React.JSX.Element {
  const { draft, change, trans, activities } = props;
  return (
    <>
      <Field
        label={trans.__('Notebooks and folders')}
        note={trans.__('As the file browser names them, a line each.')}
      >
        {attributes => (
          <textarea
            {...attributes}
            className="jp-mod-styled"
            rows={2}
            value={draft.paths}
            spellCheck={false}
            required
            onChange={event => {
              change({ paths: event.target.value });
            }}
          />
        )}
      </Field>
      <Field label={trans.__('Activity')}>
        {attributes => (
          <select
            {...attributes}
            className="jp-mod-styled"
            value={draft.activity}
            onChange={event => {
              change({ activity: event.target.value });
            }}
          >
            {activities.map(name => (
              <option key={name} value={name}>
                {term(name, trans)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field
        label={trans.__('Models')}
        note={trans.__('Between commas; may be left empty.')}
      >
        {attributes => (
          <input
            {...attributes}
            className="jp-mod-styled"
            value={draft.models}
            placeholder="name, name@version"
            autoComplete="off"
            spellCheck={false}
            onChange={event => {
              change({ models: event.target.value });
            }}
          />
        )}
      </Field>
    </>
  );
}

function How(props: StepProps & { preview: MandatePreview }): React.JSX.Element {
  const { draft, change, trans, preview } = props;
  return (
    <>
      <Notebooks preview={preview} trans={trans} />
      <Parameters
        rows={draft.parameters}
        trans={trans}
        onChange={parameters => {
          change({ parameters });
        }}
      />
      <DaysField
        value={draft.days}
        trans={trans}
        onPick={days => {
          change({ days });
        }}
      />
      <Field
        label={trans.__('How many runs')}
        note={trans.__('Empty: any number. They are counted in the ledger.')}
      >
        {attributes => (
          <input
            {...attributes}
            className="jp-mod-styled"
            type="number"
            min={1}
            max={1_000_000}
            value={draft.uses}
            onChange={event => {
              change({ uses: event.target.value });
            }}
          />
        )}
      </Field>
      <Hands {...{ draft, change, trans }} />
    </>
  );
}

/** Who will have the key. */
function Hands({ draft, change, trans }: StepProps): React.JSX.Element {
  const name = React.useId();
  const choices: [Draft['handover'], string][] = [
    ['runner', trans.__('for a runner’s key: nothing secret travels')],
    ['kept', trans.__('kept on this server, for jobs here')],
    ['download', trans.__('as a file with its key, to take along')]
  ];
  return (
    <fieldset className="jp-mlo-choices">
      <legend>{trans.__('Who runs it')}</legend>
      {choices
        .filter(([value]) => value !== 'download' || window.isSecureContext)
        .map(([value, label]) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              checked={draft.handover === value}
              onChange={() => {
                change({ handover: value });
              }}
            />
            <span>{label}</span>
          </label>
        ))}
      {draft.handover === 'runner' && (
        <Field
          label={trans.__('The runner’s public key')}
          note={trans.__('There: jupyter mlo mandate key')}
        >
          {attributes => (
            <input
              {...attributes}
              className="jp-mod-styled jp-mlo-id"
              value={draft.to}
              autoComplete="off"
              spellCheck={false}
              required
              onChange={event => {
                change({ to: event.target.value });
              }}
            />
          )}
        </Field>
      )}
    </fieldset>
  );
}

function whose(draft: Draft, preview: MandatePreview, trans: TranslationBundle): string {
  switch (draft.handover) {
    case 'runner':
      return trans.__(
        'For the runner with the key %1: compare that with what it shows there.',
        preview.scope.runner
      );
    case 'kept':
      return trans.__(
        'Its key stays on this server: what runs as this server’s account can use it.'
      );
    case 'download':
      return trans.__(
        'Your browser will save a file with its key. Whoever can read that file can run this in your name.'
      );
  }
}

function Notebooks(props: {
  preview: MandatePreview;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { preview, trans } = props;
  const { notebooks } = preview;
  return (
    <details>
      <summary>{trans._n('%1 notebook', '%1 notebooks', notebooks.length)}</summary>
      <ul className="jp-mlo-plain">
        {notebooks.map(({ path, code }) => (
          <li key={path}>
            {path} <span className="jp-mlo-id">{code.slice(0, 16)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What a mandate permits, a line each. */
export function Sentences({ lines }: { lines: string[] }): React.JSX.Element {
  return (
    <ul className="jp-mlo-permits">
      {lines.map(line => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

/** For how many days. */
export function DaysField(props: {
  value: number;
  trans: TranslationBundle;
  onPick: (days: number) => void;
}): React.JSX.Element {
  const { value, trans, onPick } = props;
  return (
    <Field label={trans.__('For how many days')}>
      {attributes => (
        <input
          {...attributes}
          className="jp-mod-styled"
          type="number"
          min={1}
          max={366}
          value={value}
          required
          onChange={event => {
            onPick(Number(event.target.value));
          }}
        />
      )}
    </Field>
  );
}
