import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { HistoryEntry } from '../api';
import type { NotebookModel } from '../notebook';
import type { Model } from '../model';
import { together } from '../saves';
import { acting, meant, moment, span, term } from '../words';
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
  /** By their indexes: entries that are open, and saves that are not folded into one line. */
  const opened = useToggled();
  const unfolded = useToggled();
  const keys = React.useRef(new Keys());

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
          {trans.__(
            'The ledger holds nothing about this notebook yet. Its seals and runs come here.'
          )}
        </p>
      )}
      {entries?.some(entry => entry.meaning === 'held') && (
        <p className="jp-mlo-hint">{meant('held', trans)}</p>
      )}
      <ol className="jp-mlo-plain jp-mlo-history" aria-label={trans.__('History')}>
        {together(entries ?? []).map(group => (
          <Group
            // More of them come before the newest, and with the next page behind the oldest.
            key={keys.current.of(group)}
            {...{ group, opened, unfolded, notebook, trans }}
          />
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

/** Keys of groups that grow at both ends. */
class Keys {
  of(group: readonly HistoryEntry[]): number {
    const known = group.map(({ index }) => this._keys.get(index));
    const key = known.find(each => each !== undefined) ?? group[0]?.index ?? -1;
    for (const { index } of group) {
      this._keys.set(index, key);
    }
    return key;
  }

  private readonly _keys = new Map<number, number>();
}

interface Toggled {
  has: (index: number) => boolean;
  set: (indexes: readonly number[], on: boolean) => void;
}

/** Indexes of the ledger at which something is open. */
function useToggled(): Toggled {
  const [all, setAll] = React.useState<ReadonlySet<number>>(new Set());
  return {
    has: index => all.has(index),
    set: (indexes, on) => {
      setAll(old => {
        const made = new Set(old);
        for (const index of indexes) {
          if (on) {
            made.add(index);
          } else {
            made.delete(index);
          }
        }
        return made;
      });
    }
  };
}

interface GroupProps {
  /** Newest first, one at least. */
  group: readonly HistoryEntry[];
  opened: Toggled;
  unfolded: Toggled;
  notebook: NotebookModel;
  trans: TranslationBundle;
}

/** One entry; or several saves of one MLO as one line, which opens to show each. */
function Group(props: GroupProps): React.JSX.Element | null {
  const { group, opened, unfolded, notebook, trans } = props;
  const id = React.useId();
  const [newest, oldest] = [group[0], group[group.length - 1]];
  if (!newest || !oldest) {
    return null;
  }
  const entry = (one: HistoryEntry, alone: boolean): React.JSX.Element => (
    <Entry
      entry={one}
      open={opened.has(one.index)}
      onToggle={open => {
        opened.set([one.index], open);
        if (alone) {
          // What is read stays in sight when the next save joins it.
          unfolded.set([one.index], open);
        }
      }}
      {...{ notebook, trans }}
    />
  );
  if (group.length === 1) {
    return <li>{entry(newest, true)}</li>;
  }
  const open = group.some(({ index }) => unfolded.has(index));
  const words = trans._n(
    '%1 save by %2',
    '%1 saves by %2',
    group.length,
    acting(newest, trans)
  );
  return (
    <li>
      <button
        type="button"
        className="jp-mlo-entry"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          unfolded.set(
            group.map(({ index }) => index),
            !open
          );
        }}
      >
        <Avatar mlo={newest.who} />
        <span>
          <span className="jp-mlo-name">{words}</span>
          <br />
          {span(oldest.time, newest.time)}
        </span>
      </button>
      <div id={id}>
        {open && (
          <ol className="jp-mlo-plain jp-mlo-saves" aria-label={words}>
            {group.map(one => (
              <li key={one.index}>{entry(one, false)}</li>
            ))}
          </ol>
        )}
      </div>
    </li>
  );
}

function Entry(props: {
  entry: HistoryEntry;
  open: boolean;
  onToggle: (open: boolean) => void;
  notebook: NotebookModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { entry, open, onToggle, notebook, trans } = props;
  const id = React.useId();
  return (
    <>
      <button
        type="button"
        className="jp-mlo-entry"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          onToggle(!open);
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
          {acting(entry, trans)}, {moment(entry.time)}
        </span>
      </button>
      <div id={id}>
        {open && entry.meaning !== null && (
          <p className="jp-mlo-hint">{meant(entry.meaning, trans)}</p>
        )}
        {open && (
          <Statement notebook={notebook} statement={entry.statement} trans={trans} />
        )}
      </div>
    </>
  );
}
