import * as React from 'react';

/** Where the focus goes in a part that has taken the place of another: a heading, or a control. */
export const ARRIVAL = { 'data-mlo-arrival': '' } as const;

/** As {@link ARRIVAL}, of something that takes the focus only so. */
export const HEADING = { ...ARRIVAL, tabIndex: -1 } as const;

/**
 * Keeps the focus of whoever acted here, when that makes another part stand in the place of the
 * one that had it: it would fall out of the panel. Of nobody else is the focus taken.
 *
 * @param part - what stands there; another text is another part.
 * @param target - selects where the focus goes; of several, the first.
 * @returns for the element that holds all the parts.
 */
export function useArrival<T extends HTMLElement = HTMLDivElement>(
  part: string,
  target = '[data-mlo-arrival], [data-mlo-first]'
): React.RefObject<T> {
  const here = React.useRef<T>(null);
  const acted = React.useRef(false);
  const arrived = React.useRef<Element | null>(null);
  React.useEffect(() => {
    const node = here.current;
    const act = (): void => {
      acted.current = true;
    };
    const moved = (event: FocusEvent): void => {
      acted.current &&= event.target === arrived.current;
    };
    node?.addEventListener('click', act, true);
    node?.addEventListener('submit', act, true);
    document.addEventListener('focusin', moved);
    return () => {
      node?.removeEventListener('click', act, true);
      node?.removeEventListener('submit', act, true);
      document.removeEventListener('focusin', moved);
    };
  }, []);
  React.useLayoutEffect(() => {
    const focused = document.activeElement;
    const lost = focused === null || focused === document.body;
    if (acted.current && (lost || focused === arrived.current)) {
      const to = here.current?.querySelector<HTMLElement>(target) ?? null;
      arrived.current = to;
      to?.focus();
      if (to?.tabIndex === -1) {
        to.scrollIntoView({ block: 'start' }); // a part is read from its beginning
      }
    }
  }, [part, target]);
  return here;
}
