import * as React from 'react';
import { Field } from './field';

/** A field for a passphrase: it is never in React's state, and is read once. */
export interface Secret {
  ref: React.RefObject<HTMLInputElement>;
  /** What was typed, and the field is empty then; null where there is no field. */
  take: () => string | null;
  focus: () => void;
}

/** For one {@link PassphraseField}. */
export function useSecret(): Secret {
  const ref = React.useRef<HTMLInputElement>(null);
  return React.useMemo(
    () => ({
      ref,
      take: () => {
        const field = ref.current;
        if (!field) {
          return null;
        }
        const secret = field.value;
        field.value = '';
        return secret;
      },
      focus: () => ref.current?.focus()
    }),
    []
  );
}

/** Where a passphrase that exists is typed. */
export function PassphraseField(props: {
  label: string;
  secret: Secret;
  /** Where typing begins in the panel. */
  first?: boolean;
}): React.JSX.Element {
  return (
    <Field label={props.label}>
      {attributes => (
        <input
          {...attributes}
          ref={props.secret.ref}
          data-mlo-first={props.first ? '' : undefined}
          className="jp-mod-styled"
          type="password"
          autoComplete="current-password"
          required
        />
      )}
    </Field>
  );
}
