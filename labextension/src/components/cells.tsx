import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { nameOf } from '../api';
import type { IDocument, Line } from '../document';
import type { Mark } from '../mark';
import type { Model } from '../model';
import { type Filter, FILTERS, passes, type View } from '../view';
import type { NotebookModel } from '../notebook';
import { moment, SHAPES, signOf, term, verdictOf } from '../words';
import { Avatar } from './avatar';
import { Field } from './field';
import { Statement } from './statement';

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
  const heading = React.useRef<HTMLHeadingElement>(null);
  const { asked } = view;
  const seen = React.useRef(asked);
  React.useEffect(() => {
    if (asked !== seen.current) {
      seen.current = asked;
      heading.current?.scrollIntoView({ block: 'start' });
    }
  }, [asked]);
  return (
    <>
      <h3 ref={heading}>{trans.__('Cells')}</h3>
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
            notebook={document.notebook}
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
  notebook: NotebookModel;
  trans: TranslationBundle;
  onJump: (id: string) => void;
}

const Row = React.memo(function Row(props: RowProps): React.JSX.Element {
  const { id, kind, position, text, mark, notebook, trans, onJump } = props;
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
                mark.onBehalfOf && trans.__('on behalf of %1', nameOf(mark.onBehalfOf)),
                mark.activity && term(mark.activity, trans),
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
      {mark?.stamp && (
        <Stamp
          key={mark.stamp}
          statement={mark.stamp}
          {...{ position, notebook, trans }}
        />
      )}
    </li>
  );
});

/** The stamp of a cell, opened as entries of the history are. */
function Stamp(props: {
  statement: string;
  position: number;
  notebook: NotebookModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { statement, position, notebook, trans } = props;
  const [open, setOpen] = React.useState(false);
  const id = React.useId();
  return (
    <>
      <button
        type="button"
        className="jp-mlo-link"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          setOpen(!open);
        }}
      >
        {open
          ? trans.__('Close the stamp of cell %1', position)
          : trans.__('Open the stamp of cell %1', position)}
      </button>
      <div id={id}>{open && <Statement {...{ notebook, statement, trans }} />}</div>
    </>
  );
}

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
