import * as React from 'react';
import type { Somebody } from '../api';
import { paint } from '../colour';

/** An MLO's initials on its colour; the name stands beside it, so it says nothing itself. */
export function Avatar({ mlo }: { mlo: Somebody }): React.JSX.Element {
  return (
    <span className="jp-mlo-avatar" style={paint(mlo.colour)} aria-hidden="true">
      {mlo.initials}
    </span>
  );
}
