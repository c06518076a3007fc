import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type HistoryEntry, nameOf } from '../api';
import type { NotebookModel } from '../notebook';
import type { Model } from '../model';
import { moment, term } from '../words';
import { Avatar } from './avatar';
import { useModel, useSignals } from './drawing';
import { Failure } from './failure';
import { useSending } from './sending';
import { Statement } from './statement';

export interface HistoryProps {
  model: Model;
  notebook: NotebookModel | null;
  trans: TranslationBundle;
}

/** Section 3 of the panel: what the ledger holds about this notebook, newest first. */
export function History({ model, notebook, trans }: HistoryProps): React.JSX.Element {
  useModel(model);
  useSignals(notebook?.judged);
  // Read anew when another seal is the newest; what is open in it stays otherwise.
  const seal = notebook?.verdict?.seal.statement ?? '';
  if (notebook && !notebook.verdict && notebook.asking.state === 'loading') {
    return <p role="status">{trans.__('Reading the ledger …')}</p>;
  }
  return notebook ? (
    <>
      {model.who.state === 'ready' && !model.signedIn && (
        <p className="jp-mlo-hint">
          {trans.__('Anybody may read this. What you do enters it once you sign in.')}
        </p>
      )}
      <TimeLine key={notebook.path} notebook={notebook} seal={seal} trans={trans} />
    </>
  ) : (
    <p>{trans.__('Open a notebook to see its history.')}</p>
  );
}

/** Milliseconds after which what was just sealed is in the ledger. */
const PUBLISHED = 1_500;

function TimeLine(props: {
  notebook: NotebookModel;
  seal: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { notebook, seal, trans } = props;
  const [entries, setEntries] = React.useState<HistoryEntry[] | null>(null);
  const [more, setMore] = React.useState(false);
  const { sending, error, send } = useSending();
  const asking = React.useRef(send);
  asking.current = send;
  const first = React.useRef(seal);

  const load = React.useCallback(
    async (before: number | null, wanted: () => boolean): Promise<void> => {
      const page = await notebook.history(before);
      if (wanted()) {
        setEntries(old => [...(before === null ? [] : (old ?? [])), ...page.entries]);
        setMore(page.more);
      }
    },
    [notebook]
  );
  React.useEffect(() => {
    let here = true;
    const read = (): void => {
      void asking.current(() => load(null, () => here));
    };
    read();
    // A seal that was made just now is not in the ledger yet.
    const later = first.current === seal ? null : setTimeout(read, PUBLISHED);
    return () => {
      here = false;
      if (later !== null) {
        clearTimeout(later);
      }
    };
  }, [load, seal]);

  const last = entries?.[entries.length - 1];
  return (
    <>
      {error && <Failure error={error} trans={trans} />}
      {error && (
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => void send(() => load(null, () => true))}
        >
          {trans.__('Try again')}
        </button>
      )}
      {!entries && !error && <p role="status">{trans.__('Reading the ledger …')}</p>}
      {entries?.length === 0 && (
        <p>
          {trans.__('The ledger holds nothing about this notebook yet. Saving seals it.')}
        </p>
      )}
      <ol className="jp-mlo-plain jp-mlo-history" aria-label={trans.__('History')}>
        {entries?.map(entry => (
          <Entry key={entry.index} entry={entry} notebook={notebook} trans={trans} />
        ))}
      </ol>
      {more && last && (
        <button
          type="button"
          className="jp-mod-styled"
          disabled={sending}
          onClick={() => void send(() => load(last.index, () => true))}
        >
          {trans.__('Older entries')}
        </button>
      )}
    </>
  );
}

function Entry(props: {
  entry: HistoryEntry;
  notebook: NotebookModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { entry, notebook, trans } = props;
  const [open, setOpen] = React.useState(false);
  const id = React.useId();
  return (
    <li>
      <button
        type="button"
        className="jp-mlo-entry"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          setOpen(!open);
        }}
      >
        <Avatar mlo={entry.who} />
        <span>
          <span className="jp-mlo-name">
            {[entry.kind, entry.meaning, entry.activity]
              .filter(each => each !== null)
              .map(each => term(each, trans))
              .join(' · ')}
          </span>
          <br />
          {nameOf(entry.who)}, {moment(entry.time)}
        </span>
      </button>
      <div id={id}>
        {open && (
          <Statement notebook={notebook} statement={entry.statement} trans={trans} />
        )}
      </div>
    </li>
  );
}
