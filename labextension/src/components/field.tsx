import * as React from 'react';

interface FieldProps {
  label: string;
  /** What is wrong with it, or how it stands; read out with the field. */
  note?: React.ReactNode;
  invalid?: boolean;
  children: (
    attributes: Pick<
      React.InputHTMLAttributes<HTMLInputElement>,
      'id' | 'aria-describedby' | 'aria-invalid'
    >
  ) => React.ReactNode;
}

/** A label above its control, a note below it. */
export function Field({ label, note, invalid, children }: FieldProps): React.JSX.Element {
  const id = React.useId();
  return (
    <div className="jp-mlo-field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': `${id}-note`,
        'aria-invalid': invalid ?? false
      })}
      <div id={`${id}-note`} className="jp-mlo-note" data-invalid={invalid} role="status">
        {note}
      </div>
    </div>
  );
}
