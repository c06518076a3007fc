import type { ISignal } from '@lumino/signaling';
import * as React from 'react';
import type { Model } from '../model';

/** Draw anew, once in a frame, when one of these signals is emitted. */
export function useSignals(...signals: (ISignal<unknown, unknown> | undefined)[]): void {
  const [, redraw] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    let due: number | null = null;
    const soon = (): void => {
      due ??= requestAnimationFrame(() => {
        due = null;
        redraw();
      });
    };
    for (const signal of signals) {
      signal?.connect(soon);
    }
    return () => {
      for (const signal of signals) {
        signal?.disconnect(soon);
      }
      if (due !== null) {
        cancelAnimationFrame(due);
      }
    };
    // The signals of one object stay the same.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, signals);
}

/** Draw anew when who you are changes, and often enough that the time left is true. */
export function useModel(model: Model): void {
  const [, redraw] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    model.changed.connect(redraw);
    const timer = setInterval(redraw, 15_000);
    return () => {
      model.changed.disconnect(redraw);
      clearInterval(timer);
    };
  }, [model]);
}
