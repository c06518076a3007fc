import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { RequestError } from '../request';

/** What went wrong and what to do, said at once by screen readers. */
export function Failure(props: {
  error: RequestError;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { error, trans } = props;
  const here = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    // After a form has put the focus where one types again.
    const frame = requestAnimationFrame(() => {
      here.current?.scrollIntoView({ block: 'nearest' });
    });
    return () => {
      cancelAnimationFrame(frame);
    };
  }, [error]);
  return (
    <div ref={here} className="jp-mlo-failure" role="alert">
      <p>{words(error, trans)}</p>
      {error.hint && <p className="jp-mlo-hint">{error.hint}</p>}
    </div>
  );
}

/** What the server says is in its own words; what is said where it says nothing is ours. */
export function words(error: RequestError, trans: TranslationBundle): string {
  switch (error.reason) {
    case 'unreachable':
      return trans.__('The server does not answer');
    case 'not-json':
      return trans.__('The answer of the server is not JSON');
    case 'wordless':
      return trans.__('The server answered %1', error.status);
    case 'not-sealed':
      return trans.__(
        'The notebook was saved, but not as you were shown it, or you were signed out: it was not sealed with what you meant. Look at what changed, and seal it again.'
      );
    default:
      return error.message;
  }
}
