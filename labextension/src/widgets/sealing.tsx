import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type Changes, type Meaning, nameOf } from '../api';
import type { IDocument } from '../document';
import { words } from '../components/failure';
import { asRequestError } from '../request';
import { moment } from '../words';

const MEANINGS: readonly Meaning[] = ['held', 'authored', 'reviewed', 'approved'];

/** Save, show what changed since somebody last said something, ask what is meant, and seal. */
export async function seal(document: IDocument, trans: TranslationBundle): Promise<void> {
  const { notebook } = document;
  try {
    // What is shown is what will be sealed.
    await document.save();
    const changes = await notebook.changes();
    const body = new SealBody(changes, trans);
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
  trans: TranslationBundle;
  onPick: (meaning: Meaning) => void;
}): React.JSX.Element {
  const { changes, trans, onPick } = props;
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
    </>
  );
}

function wordsOf(meaning: Meaning, trans: TranslationBundle): string {
  switch (meaning) {
    case 'held':
      return trans.__('held: this is what was there');
    case 'authored':
      return trans.__('authored: I wrote this');
    case 'reviewed':
      return trans.__('reviewed: I have checked this');
    case 'approved':
      return trans.__('approved: I agree to its use');
  }
}
