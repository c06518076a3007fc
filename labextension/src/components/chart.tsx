import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { nameOf, type Somebody } from '../api';
import type { IDocument } from '../document';
import { Avatar } from './avatar';

interface Share {
  mlo: Somebody;
  executed: number;
  /** Of those, by an assistant. */
  assisted: number;
  sealed: number;
}

/** How many cells each MLO executed, as bars with their numbers beside them. */
export function Chart(props: {
  document: IDocument;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { document, trans } = props;
  const shares = sharesOf(document);
  const most = Math.max(1, ...shares.map(share => share.executed));
  if (!shares.length) {
    return null;
  }
  return (
    <>
      <h3>{trans.__('Contributions')}</h3>
      <ul className="jp-mlo-plain jp-mlo-chart">
        {shares.map(({ mlo, executed, assisted, sealed }) => (
          <li key={mlo.id} title={mlo.id}>
            <div className="jp-mlo-who">
              <Avatar mlo={mlo} />
              <span className="jp-mlo-name">{nameOf(mlo)}</span>
            </div>
            <div className="jp-mlo-bar" aria-hidden="true">
              <div style={{ width: `${(100 * executed) / most}%` }} />
            </div>
            <div>
              {trans._n('%1 cell executed', '%1 cells executed', executed)}
              {assisted > 0 &&
                ', ' +
                  trans._n(
                    '%1 of them by an assistant',
                    '%1 of them by an assistant',
                    assisted
                  )}
              {sealed > 0 &&
                ', ' + trans._n('%1 first sealed', '%1 first sealed', sealed)}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Counted from the cells as they stand now, so that it moves while they run. */
function sharesOf(document: IDocument): Share[] {
  const { notebook } = document;
  const shares = new Map<string, Share>();
  const of = (mlo: Somebody): Share => {
    const share = shares.get(mlo.id) ?? { mlo, executed: 0, assisted: 0, sealed: 0 };
    shares.set(mlo.id, share);
    return share;
  };
  for (const { id, kind } of document.lines()) {
    const mark = notebook.mark(id);
    if (kind === 'code' && mark?.executor && mark.verdict !== 'not valid here') {
      const share = of(mark.executor);
      share.executed += 1;
      share.assisted += mark.assistant ? 1 : 0;
    }
  }
  for (const { mlo, firstSealed } of notebook.verdict?.contributions ?? []) {
    of(mlo).sealed = firstSealed;
  }
  return [...shares.values()].sort((one, other) => other.executed - one.executed);
}
