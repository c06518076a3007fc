import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Changes, type Meaning, nameOf } from '../api';
import type { IDocument } from '../document';
import { words } from '../components/failure';
import { asRequestError } from '../request';
import { executedBy } from '../view';
import { moment, numbers } from '../words';

const MEANINGS: readonly Meaning[] = ['held', 'authored', 'reviewed', 'approved'];

/** Meanings that say something of somebody’s work, and mean most where it is another’s. */
const JUDGING: readonly Meaning[] = ['reviewed', 'approved'];

/**
 * Save, show what changed since somebody last said something, ask what is meant, and seal.
 *
 * @param me - the MLO ID of who seals.
 */
export async function seal(
  document: IDocument,
  me: string | null,
  trans: TranslationBundle
): Promise<void> {
  const { notebook } = document;
  try {
    // What is shown is what will be sealed.
    await document.save();
    const changes = await notebook.changes();
    const body = new SealBody(changes, executedBy(me, document), trans);
    const { button } = await showDialog({
      title: trans.__('Seal this notebook'),
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Seal') })
      ]
    });
    if (button.accept) {
      await notebook.seal(body.meaning, changes.shown, () => document.save());
    }
  } catch (reason) {
    const error = asRequestError(reason);
    await showDialog({
      title: trans.__('It was not sealed'),
      body: [words(error, trans), error.hint].filter(Boolean).join('. '),
      buttons: [Dialog.okButton({ label: trans.__('Close') })]
    });
  }
}

class SealBody extends ReactWidget {
  constructor(
    private readonly changes: Changes,
    private readonly own: readonly number[],
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-mlo-seal');
  }

  meaning: Meaning = 'held';

  protected override render(): React.JSX.Element {
    return (
      <SealForm
        changes={this.changes}
        own={this.own}
        trans={this.trans}
        onPick={meaning => {
          this.meaning = meaning;
        }}
      />
    );
  }
}

export function SealForm(props: {
  changes: Changes;
  /** The numbers of the cells that were executed by who seals. */
  own: readonly number[];
  trans: TranslationBundle;
  onPick: (meaning: Meaning) => void;
}): React.JSX.Element {
  const { changes, own, trans, onPick } = props;
  const [picked, setPicked] = React.useState<Meaning>('held');
  const group = React.useId();
  return (
    <>
      <h3>
        {changes.by && changes.since
          ? trans.__('Changed since %1, %2', nameOf(changes.by), moment(changes.since))
          : trans.__('What it is')}
      </h3>
      {changes.changes.length ? (
        <ul className="jp-mlo-changes">
          {changes.changes.map((change, at) => (
            <li key={at}>{change}</li>
          ))}
        </ul>
      ) : (
        <p>{trans.__('Nothing has changed.')}</p>
      )}
      <fieldset>
        <legend>{trans.__('What you mean by the seal')}</legend>
        {MEANINGS.map(meaning => (
          <div key={meaning}>
            <input
              type="radio"
              id={group + meaning}
              name={group}
              value={meaning}
              checked={picked === meaning}
              onChange={() => {
                setPicked(meaning);
                onPick(meaning);
              }}
            />
            <label htmlFor={group + meaning}>{wordsOf(meaning, trans)}</label>
          </div>
        ))}
      </fieldset>
      <div role="status">
        {JUDGING.includes(picked) && own.length > 0 && (
          <p className="jp-mlo-notice">
            <span className="jp-mlo-sign" aria-hidden="true">
              ⚠
            </span>{' '}
            {trans._n(
              'You judge your own work: you executed cell %2 of this notebook yourself. You may seal it so; a policy may ask for somebody else.',
              'You judge your own work: you executed %1 cells of this notebook yourself (%2). You may seal it so; a policy may ask for somebody else.',
              own.length,
              numbers(own, trans)
            )}
          </p>
        )}
      </div>
    </>
  );
}

function wordsOf(meaning: Meaning, trans: TranslationBundle): string {
  switch (meaning) {
    case 'held':
      return trans.__('held: this is what was there, as every save says by itself');
    case 'authored':
      return trans.__('authored: I wrote this');
    case 'reviewed':
      return trans.__('reviewed: I have checked this');
    case 'approved':
      return trans.__('approved: I agree to its use');
  }
}
