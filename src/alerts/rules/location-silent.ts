import { minIdAt } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';
import { activityWindowDays, dayMs, findCountedUntil } from '../../messages/stats/active-days.ts';
import { type AlertThresholds, type Finding, formatName, type OpenAlerts } from '../alert.ts';

const minDays = 7;
const minMessages = 20;

/** Sending days of a location. Days are counted from 1970, in UTC. */
export interface SendingHabit {
  /** Days of the last two weeks with a message, ascending; all before `today`. */
  readonly days: readonly number[];
  readonly messages: number;
  readonly today: number;
}

/**
 * Returns whether a location is unusually silent: it sent on most of the last 14 days, and has now been silent for more whole days in a row
 * than ever between them. An office that closes on weekends is therefore not silent on a Sunday, and after a long holiday only once.
 */
export function isUnusuallySilent({ days, messages, today }: SendingHabit): boolean {
  const last = days.at(-1);
  if (last === undefined || days.length < minDays || messages < minMessages) return false;
  const gaps = days.slice(1).map((day, n) => day - (days[n] as number) - 1);
  return today - last - 1 > Math.max(0, ...gaps);
}

/** Finds active locations that used to send and have sent no message for `silentHours`. An alert resolves with the next message. */
export async function findSilentLocations(
  on: Executor,
  open: OpenAlerts,
  thresholds: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const since = minIdAt(new Date(now.getTime() - thresholds.silentHours * 60 * 60 * 1000));
  // Until all days are counted, an incomplete habit would look like silence. Shortly after midnight it is evaluated as of yesterday.
  const today = await findCountedUntil(on, now);
  const rows = await on.$queryRaw<Row[]>`
    SELECT i.resource_id AS "locationId", i.company_id AS "companyId", i.name, habits.days, habits.message_count AS messages
    FROM installations i
    LEFT JOIN (
      SELECT location_id, array_agg(day - DATE '1970-01-01' ORDER BY day) AS days, sum(message_count)::int AS message_count FROM daily_activity
      WHERE day >= ${new Date(((today ?? 0) - activityWindowDays) * dayMs)}::timestamptz AT TIME ZONE 'UTC'
        AND day < ${new Date((today ?? 0) * dayMs)}::timestamptz AT TIME ZONE 'UTC'
      GROUP BY location_id) AS habits ON habits.location_id = i.resource_id
    WHERE i.kind = 'location' AND i.status = 'active'
      AND (i.resource_id = ANY (${[...open.keys()]}::text[])
        OR cardinality(habits.days) >= ${minDays} AND habits.message_count >= ${minMessages})
      AND NOT EXISTS (
        SELECT 1 FROM messages m
        WHERE m.location_id = i.resource_id AND m.id >= ${since}::uuid AND m.direction = 'outbound' AND NOT m.is_test)`;
  const isNew = ({ days, messages }: Row) =>
    today !== null && isUnusuallySilent({ days: days ?? [], messages: messages ?? 0, today });
  return rows
    .filter((row) => open.has(row.locationId) || isNew(row))
    .map(({ locationId, companyId, name }) => ({
      subject: locationId,
      locationId,
      companyId,
      details: `${formatName({ name, id: locationId })} used to send on most days and has sent no message for ${thresholds.silentHours} hours.`,
    }));
}

interface Row {
  locationId: string;
  companyId: string | null;
  name: string | null;
  days: number[] | null;
  messages: number | null;
}
