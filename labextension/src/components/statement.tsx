import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { nameOf, type StatementView } from '../api';
import { download } from '../download';
import type { NotebookModel } from '../notebook';
import { acting, term } from '../words';
import { CopyButton } from './copying';
import { Failure } from './failure';
import { useSending } from './sending';

interface StatementProps {
  notebook: NotebookModel;
  /** Statement ID. */
  statement: string;
  trans: TranslationBundle;
}

/** One statement, the chain behind it and its receipt; to copy, or to take along. */
export function Statement(props: StatementProps): React.JSX.Element {
  const { notebook, statement, trans } = props;
  const [view, setView] = React.useState<StatementView | null>(null);
  const { error, send } = useSending();
  const asking = React.useRef(send);
  React.useEffect(() => {
    let here = true;
    void asking.current(async () => {
      const found = await notebook.statement(statement);
      if (here) {
        setView(found);
      }
    });
    return () => {
      here = false;
    };
  }, [notebook, statement]);

  if (error) {
    return <Failure error={error} trans={trans} />;
  }
  if (!view) {
    return <p role="status">{trans.__('Reading the statement …')}</p>;
  }
  const text = JSON.stringify(view.content, null, 2);
  return (
    <div className="jp-mlo-statement">
      <p>
        {view.assurance
          ? trans.__('By %1, %2', acting(view, trans), term(view.assurance, trans))
          : trans.__(
              'It says that it is by %1; that could not be proven here.',
              nameOf(view.who)
            )}
      </p>
      <p className="jp-mlo-id">{view.statement}</p>
      <Text label={trans.__('Statement')} text={text} />
      {view.chain.map((link, at) => (
        <Folded key={at} label={trans.__('Chain %1: %2', at + 1, kindOf(link))}>
          <Text
            label={trans.__('Chain %1', at + 1)}
            text={JSON.stringify(link, null, 2)}
          />
        </Folded>
      ))}
      {view.receipt ? (
        <Folded label={trans.__('Receipt of the ledger')}>
          <Text label={trans.__('Receipt of the ledger')} text={view.receipt} />
        </Folded>
      ) : (
        <p>
          {view.kind === 'stamp'
            ? trans.__('Stamps are in no ledger: the seal that lists them is.')
            : trans.__('No checkpoint of the ledger covers it yet.')}
        </p>
      )}
      <div className="jp-mlo-buttons">
        <CopyButton label={trans.__('Copy statement')} text={text} trans={trans} />
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => {
            const name = `${view.kind}-${view.statement.slice(0, 12)}.jsonl`;
            download(name, view.bundle, 'application/jsonl');
          }}
        >
          {trans.__('Download bundle')}
        </button>
      </div>
    </div>
  );
}

function Text(props: { label: string; text: string }): React.JSX.Element {
  return (
    // Its own scroll bars need the keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre tabIndex={0} role="region" aria-label={props.label}>
      {props.text}
    </pre>
  );
}

function Folded(props: { label: string; children: React.ReactNode }): React.JSX.Element {
  return (
    <details>
      <summary>{props.label}</summary>
      {props.children}
    </details>
  );
}

function kindOf(statement: Record<string, unknown>): string {
  const type = statement['predicateType'];
  return typeof type === 'string' ? (type.split('/').at(-2) ?? type) : '?';
}
