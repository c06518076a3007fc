import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { type ParameterDraft, rowProblem } from '../mandates';
import { Field } from './field';

interface ParametersProps {
  rows: readonly ParameterDraft[];
  trans: TranslationBundle;
  onChange: (rows: ParameterDraft[]) => void;
}

/** What runs may inject: a row for each name. */
export function Parameters({
  rows,
  trans,
  onChange
}: ParametersProps): React.JSX.Element {
  const put = (at: number, part: Partial<ParameterDraft>): void => {
    onChange(rows.map((row, each) => (each === at ? { ...row, ...part } : row)));
  };
  return (
    <fieldset className="jp-mlo-choices">
      <legend>{trans.__('Parameters that may be changed')}</legend>
      {rows.length === 0 && (
        <p className="jp-mlo-hint">
          {trans.__('No parameters were found in a cell tagged “parameters”.')}
        </p>
      )}
      {rows.map((row, at) => (
        // Rows are only ever appended.
        <Row
          key={at}
          row={row}
          trans={trans}
          onChange={part => {
            put(at, part);
          }}
        />
      ))}
      <button
        type="button"
        className="jp-mod-styled"
        onClick={() => {
          onChange([...rows, { name: '', allow: 'any', values: '', low: '', high: '' }]);
        }}
      >
        {trans.__('Another parameter')}
      </button>
    </fieldset>
  );
}

function Row(props: {
  row: ParameterDraft;
  trans: TranslationBundle;
  onChange: (part: Partial<ParameterDraft>) => void;
}): React.JSX.Element {
  const { row, trans, onChange } = props;
  const [own] = React.useState(row.name === '');
  const problem = rowProblem(row);
  const called = row.name || trans.__('new parameter');
  const choices: [ParameterDraft['allow'], string][] = [
    ['no', trans.__('as it stands in the notebook')],
    ['any', trans.__('any value')],
    ['values', trans.__('only these values')],
    ['range', trans.__('numbers from … to')]
  ];
  const text = (
    member: 'name' | 'values' | 'low' | 'high',
    label: string,
    note?: string
  ): React.JSX.Element => (
    <Field label={label} note={note} invalid={Boolean(note)}>
      {attributes => (
        <input
          {...attributes}
          className="jp-mod-styled"
          value={row[member]}
          autoComplete="off"
          spellCheck={false}
          onChange={event => {
            onChange({ [member]: event.target.value });
          }}
        />
      )}
    </Field>
  );
  return (
    <div
      className="jp-mlo-row"
      role="group"
      aria-label={trans.__('Parameter %1', called)}
    >
      {own &&
        text(
          'name',
          trans.__('Name'),
          problem === 'name' ? trans.__('A name, as Python has them.') : undefined
        )}
      <Field label={own ? trans.__('May be') : row.name}>
        {attributes => (
          <select
            {...attributes}
            className="jp-mod-styled"
            value={row.allow}
            onChange={event => {
              onChange({ allow: event.target.value as ParameterDraft['allow'] });
            }}
          >
            {choices.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {row.allow === 'values' &&
        text(
          'values',
          trans.__('Values of %1, between commas', called),
          problem === 'values' ? trans.__('At least one.') : undefined
        )}
      {row.allow === 'range' && (
        <>
          {text('low', trans.__('%1 from', called))}
          {text(
            'high',
            trans.__('%1 to', called),
            problem === 'range'
              ? trans.__('Numbers; one of the two may be empty.')
              : undefined
          )}
        </>
      )}
    </div>
  );
}
