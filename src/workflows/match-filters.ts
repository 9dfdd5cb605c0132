import { toList, toObject, toText } from '../core/foreign.ts';
import type { Filter } from './definitions.ts';
import type { EventFilter } from './read-request.ts';

/** Operators of equality: HighLevel has been seen to send the first. */
const equality = new Set(['==', '=', 'eq', 'equals', 'is', 'in']);

/** Reads filters as they are stored. */
export function parseStoredFilters(stored: unknown): EventFilter[] {
  return toList(stored).map((entry) => {
    const { field, operator, values } = toObject(entry);
    return {
      field: toText(field) ?? '',
      operator: toText(operator) ?? '==',
      values: toList(values).flatMap((value) => toText(value) ?? []),
    };
  });
}

/**
 * Finds the first condition that an event does not meet. A condition of a kind that this program does not know is not met: a workflow that
 * starts for the wrong contact does more harm than one that does not start.
 *
 * @returns null when all are met
 */
export function findUnmetFilter(
  filters: readonly EventFilter[],
  known: readonly Filter[],
  event: Readonly<Record<string, string | undefined>>,
): EventFilter | null {
  const isMet = ({ field, operator, values }: EventFilter) =>
    known.some((filter) => filter.field === field) &&
    equality.has(operator.toLowerCase()) &&
    values.some((value) => normalize(value) === normalize(event[field] ?? ''));
  return filters.find((filter) => !isMet(filter)) ?? null;
}

function normalize(value: string): string {
  return value.trim().toLowerCase();
}
