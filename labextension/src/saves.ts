import type { HistoryEntry } from './api';

/** Entries in their order, with saves of one MLO, or of an assistant for it, that follow each other in one group. */
export function together(entries: readonly HistoryEntry[]): HistoryEntry[][] {
  const groups: HistoryEntry[][] = [];
  for (const entry of entries) {
    const group = groups[groups.length - 1];
    const before = group?.[0];
    if (before && isSave(before) && isSave(entry) && areAlike(before, entry)) {
      group.push(entry);
    } else {
      groups.push([entry]);
    }
  }
  return groups;
}

function areAlike(one: HistoryEntry, other: HistoryEntry): boolean {
  return one.who.id === other.who.id && one.assistant?.id === other.assistant?.id;
}

/** Whether it says no more than what was there. */
function isSave({ kind, meaning }: HistoryEntry): boolean {
  return kind === 'seal' && meaning === 'held';
}
