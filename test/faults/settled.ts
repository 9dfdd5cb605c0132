import { adminToken } from '../support/production-settings.ts';
import { countUnsettled, type RunRecord } from './audit.ts';
import { sleep } from './crm.ts';
import type { Gateway } from './gateway.ts';

/** Waits until every message has ended and every webhook is acknowledged, or the time is over. */
export async function waitUntilSettled(
  record: RunRecord,
  gateway: Gateway,
  url: string,
  timeoutMs: number,
  countEvents: () => Promise<number>,
): Promise<void> {
  const timeoutAt = performance.now() + timeoutMs;
  const isSettled = async () =>
    countUnsettled(record) === 0 &&
    gateway.countUndelivered() === 0 &&
    (await countJobs(url)) === 0 &&
    (await countEvents()) === 0;
  while (performance.now() < timeoutAt) {
    await readHeld(record, url);
    if (await isSettled()) return;
    await sleep(500);
  }
}

/** Reads which messages wait for a person. */
export async function readHeld({ crm, held }: RunRecord, url: string): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const numbers = new Map([...crm.ids].map(([number, id]) => [id, number]));
  for (const { id } of crm.locations) {
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = `${url}/api/locations/${id}/messages?status=unknown&limit=100${cursor && `&cursor=${cursor}`}`;
      const response = await fetch(page, { headers }).catch(() => null);
      if (response?.status !== 200) break;
      const { items, nextCursor } = (await response.json()) as {
        items: { highlevelMessageId: string }[];
        nextCursor: string | null;
      };
      for (const { highlevelMessageId } of items) held.add(numbers.get(highlevelMessageId) as number);
      cursor = nextCursor;
    }
  }
}

/** Counts all jobs: repeated reports, look-ups of posts and jobs that only end are work too. */
async function countJobs(url: string): Promise<number> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const response = await fetch(`${url}/api/overview`, { headers }).catch(() => null);
  if (response?.status !== 200) return Number.POSITIVE_INFINITY;
  const { queues } = (await response.json()) as { queues: { ready: number; deferred: number; active: number }[] };
  return queues.reduce((sum, { ready, deferred, active }) => sum + ready + deferred + active, 0);
}
