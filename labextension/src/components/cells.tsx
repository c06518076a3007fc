import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { nameOf } from '../api';
import type { IDocument, Line } from '../document';
import type { Mark } from '../mark';
import type { Model } from '../model';
import { type Filter, FILTERS, passes, type View } from '../view';
import { moment, SHAPES, signOf, verdictOf } from '../words';
import { Avatar } from './avatar';
import { Field } from './field';

/** Cells that are listed at first: the panel is there at once, however long the notebook is. */
const PAGE = 100;

interface CellListProps {
  document: IDocument;
  model: Model;
  view: View;
  trans: TranslationBundle;
}

/** The cells that pass the filter; a click goes to the cell. */
export function CellList(props: CellListProps): React.JSX.Element {
  const { document, model, view, trans } = props;
  const me = model.signedIn ? (model.me?.mlo?.id ?? null) : null;
  const all = document.lines().map(line => {
    return { line, mark: document.notebook.mark(line.id) };
  });
  const shown = all.filter(({ line, mark }) => passes(view.filter, line, mark, me));
  const [most, setMost] = React.useState(PAGE);
  const jump = React.useCallback(
    (id: string) => {
      document.jump(id);
    },
    [document]
  );
  return (
    <>
      <h3>{trans.__('Cells')}</h3>
      <Field
        label={trans.__('Show')}
        note={
          view.filter !== 'all' && trans.__('%1 of %2 cells', shown.length, all.length)
        }
      >
        {attributes => (
          <select
            {...attributes}
            className="jp-mod-styled"
            value={view.filter}
            onChange={event => {
              view.filter = event.target.value as Filter;
            }}
          >
            {FILTERS.map(filter => (
              <option key={filter} value={filter}>
                {words(filter, trans)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <ol className="jp-mlo-plain jp-mlo-cells" aria-label={trans.__('Cells')}>
        {shown.slice(0, most).map(({ line, mark }) => (
          <Row
            key={line.id}
            id={line.id}
            kind={line.kind}
            position={line.position}
            text={line.text}
            mark={mark}
            trans={trans}
            onJump={jump}
          />
        ))}
      </ol>
      {shown.length > most && (
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => {
            // In slices between frames: whoever types meanwhile need not wait for them.
            React.startTransition(() => {
              setMost(most + 5 * PAGE);
            });
          }}
        >
          {trans.__('More cells (%1)', shown.length - most)}
        </button>
      )}
    </>
  );
}

interface RowProps extends Line {
  mark: Mark | undefined;
  trans: TranslationBundle;
  onJump: (id: string) => void;
}

const Row = React.memo(function Row(props: RowProps): React.JSX.Element {
  const { id, kind, position, text, mark, trans, onJump } = props;
  const sign = mark ? signOf(mark) : 'none';
  return (
    <li className="jp-mlo-cell">
      <button
        type="button"
        data-sign={sign}
        title={mark?.reason}
        onClick={() => {
          onJump(id);
        }}
      >
        <span className="jp-mlo-line">
          {position}. {kind !== 'code' && <em>{kind} </em>}
          <code>{text || '…'}</code>
        </span>
        {mark?.executor && (
          <span className="jp-mlo-who">
            <Avatar mlo={mark.executor} />
            <span>
              {[
                nameOf(mark.executor),
                mark.assistant && trans.__('by %1', nameOf(mark.assistant)),
                mark.activity,
                mark.model,
                mark.started && moment(mark.started)
              ]
                .filter(Boolean)
                .join(' · ')}
            </span>
          </span>
        )}
        {mark && (kind === 'code' || mark.verdict !== 'unsealed') && (
          <span className="jp-mlo-stands">
            <span className="jp-mlo-sign" aria-hidden="true">
              {SHAPES[sign === 'none' && mark.verdict === 'verified' ? 'proven' : sign]}
            </span>{' '}
            {sign === 'none' && kind === 'code'
              ? trans.__('not executed')
              : verdictOf(mark, trans)}
          </span>
        )}
      </button>
    </li>
  );
});

function words(filter: Filter, trans: TranslationBundle): string {
  switch (filter) {
    case 'all':
      return trans.__('All cells');
    case 'mine':
      return trans.__('Executed by me');
    case 'changed':
      return trans.__('Changed since');
    case 'unstamped':
      return trans.__('Executed, but nobody answers for it');
    case 'assistant':
      return trans.__('By an assistant');
  }
}
