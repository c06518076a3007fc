import * as React from 'react';
import type { RequestError } from '../request';

/** What went wrong and what to do, said at once by screen readers. */
export function Failure({ error }: { error: RequestError }): React.JSX.Element {
  return (
    <div className="jp-mlo-failure" role="alert">
      <p>{error.message}</p>
      {error.hint && <p className="jp-mlo-hint">{error.hint}</p>}
    </div>
  );
}
