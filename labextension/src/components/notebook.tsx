import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { NotebookVerdict } from '../api';
import type { IDocument } from '../document';
import type { Model } from '../model';
import type { View } from '../view';
import { acting, blamedBy, meant, moment, NAMED, summaryOf, term } from '../words';
import { CellList } from './cells';
import { Chart } from './chart';
import { useModel, useSignals } from './drawing';
import { Failure } from './failure';

export interface NotebookProps {
  /** The notebook that is looked at, if there is one. */
  document: IDocument | null;
  model: Model;
  view: View;
  trans: TranslationBundle;
  onSeal: () => void;
}

/** Section 2 of the panel: this notebook. */
export function Notebook(props: NotebookProps): React.JSX.Element {
  const { document, trans } = props;
  return document ? (
    <Opened {...props} document={document} />
  ) : (
    <p>{trans.__('Open a notebook to see who did what in it.')}</p>
  );
}

function Opened(props: NotebookProps & { document: IDocument }): React.JSX.Element {
  const { document, model, view, trans, onSeal } = props;
  const { notebook } = document;
  const note = React.useId();
  useModel(model);
  useSignals(notebook.changed, notebook.judged, document.changed, view.changed);
  const { asking, verdict } = notebook;
  const loading = asking.state === 'loading';
  return (
    <>
      <div aria-live="polite" aria-busy={loading}>
        {/* What was found before says nothing where it could not be found again. */}
        {verdict && asking.state !== 'failed' ? (
          <Whole verdict={verdict} document={document} trans={trans} />
        ) : (
          loading && <p>{trans.__('Verifying …')}</p>
        )}
      </div>
      {asking.state === 'failed' && <Failure error={asking.error} trans={trans} />}
      <div className="jp-mlo-buttons">
        <button
          type="button"
          className="jp-mod-styled"
          aria-disabled={loading}
          onClick={() => {
            if (!loading) {
              void notebook.verify();
            }
          }}
        >
          {loading ? trans.__('Verifying …') : trans.__('Verify now')}
        </button>
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          disabled={!model.signedIn}
          aria-describedby={model.signedIn ? undefined : note}
          onClick={onSeal}
        >
          {trans.__('Seal …')}
        </button>
      </div>
      {!model.signedIn && (
        <p id={note} className="jp-mlo-hint">
          {trans.__('To seal it, sign in first.')}
        </p>
      )}
      <Chart document={document} trans={trans} />
      <CellList document={document} model={model} view={view} trans={trans} />
    </>
  );
}

/**
 * Whether anything that somebody answers for ran since the file was saved. Not how much: this is
 * read out whenever it changes.
 */
function ranUnsaved(document: IDocument): boolean {
  return document.lines().some(({ id }) => {
    const mark = document.notebook.mark(id);
    return mark?.verdict === null && mark.status !== 'running' && !!mark.executor;
  });
}

interface WholeProps {
  verdict: NotebookVerdict;
  document: IDocument;
  trans: TranslationBundle;
}

function Whole({ verdict, document, trans }: WholeProps): React.JSX.Element {
  const { seal } = verdict;
  const unsaved = ranUnsaved(document);
  const first = verdict.summary.code === 'nothing-executed' && unsaved;
  const sign = verdict.altered || !verdict.holds ? '≠' : seal.by ? '✓' : '○';
  return (
    <>
      <p className="jp-mlo-verdict" data-holds={verdict.holds}>
        <span className="jp-mlo-sign" aria-hidden="true">
          {sign}
        </span>{' '}
        {first
          ? document.together
            ? trans.__('What ran is not saved yet.')
            : trans.__(
                'What ran is not saved yet. Saving seals it while you are signed in.'
              )
          : verdict.summary.code === 'not-sealed' && document.together
            ? trans.__(
                'Not sealed yet. The server saves what is edited together, and nobody seals by that: seal it yourself.'
              )
            : summaryOf(verdict.summary, trans)}
      </p>
      {document.elsewhere(verdict.modified) && (
        <p className="jp-mlo-notice">
          {trans.__(
            'The file was changed outside of this page: the cells here are not those that were verified. File > Reload Notebook from Disk shows them.'
          )}
        </p>
      )}
      <Blamed {...{ verdict, document, trans }} />
      {seal.by && seal.time && (
        <p>
          {trans.__(
            'Sealed by %1, %2 (%3)',
            acting({ ...seal, who: seal.by }, trans),
            moment(seal.time),
            term(seal.meaning ?? '', trans)
          )}
        </p>
      )}
      {seal.by && seal.meaning && (
        <p className="jp-mlo-hint">{meant(seal.meaning, trans)}</p>
      )}
      {document.dirty && !first && (
        <p className="jp-mlo-hint">
          {unsaved
            ? trans.__('This is about the file; what ran since then is not saved yet.')
            : trans.__(
                'This is about the file; there are changes that are not saved yet.'
              )}
        </p>
      )}
      {verdict.problems.length > 0 && (
        <ul className="jp-mlo-notice" aria-label={trans.__('Problems')}>
          {verdict.problems.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      {(verdict.notes.length > 0 || verdict.asOf) && (
        <details>
          <summary>{trans.__('More')}</summary>
          <ul className="jp-mlo-plain">
            {verdict.asOf && <li>{trans.__('As of the checkpoint %1', verdict.asOf)}</li>}
            {verdict.notes.map(each => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** Which cells the sentence is about; a click goes there. */
function Blamed({ verdict, document, trans }: WholeProps): React.JSX.Element | null {
  const blamed = blamedBy(verdict);
  if (!blamed.length) {
    return null;
  }
  const lines = document.lines();
  const more = blamed.length - NAMED;
  return (
    <ul
      className="jp-mlo-plain jp-mlo-blamed"
      aria-label={trans.__('What does not hold')}
    >
      {blamed.slice(0, NAMED).map(cell => {
        const id = document.notebook.nameOf(cell, verdict);
        const line = lines.find(each => each.id === id);
        const said = `${term(cell.verdict, trans)}${cell.reason && `: ${cell.reason}`}`;
        return (
          <li key={cell.position}>
            {line ? (
              <button
                type="button"
                className="jp-mlo-link"
                title={said}
                onClick={() => {
                  document.jump(line.id);
                }}
              >
                {trans.__('Go to cell %1', line.position)}
              </button>
            ) : (
              trans.__('Cell %1 of the file', cell.position + 1)
            )}
          </li>
        );
      })}
      {more > 0 && <li>{trans._n('and %1 more', 'and %1 more', more)}</li>}
    </ul>
  );
}
