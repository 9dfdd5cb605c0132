import { v7 } from 'uuid';
import type { World } from './world.ts';

export interface StoredMessage {
  at: number | string;
  direction?: 'outbound' | 'inbound';
  state?: 'pending' | 'delivered' | 'read' | 'failed';
  /** How long it took to be delivered. */
  deliveryDelayMs?: number;
  reason?: [code: string, message: string];
  isUnknown?: boolean;
}

/** Puts messages into the database as if they had come long ago. */
export async function storeMessages(
  { db }: Pick<World, 'db'>,
  locationId: string,
  messages: readonly StoredMessage[],
): Promise<void> {
  await db.message.createMany({
    data: messages.map(({ at: given, direction = 'outbound', state = 'delivered', deliveryDelayMs, reason, isUnknown }) => {
      const at = new Date(given);
      return {
        id: v7({ msecs: at.getTime() }),
        direction,
        locationId,
        providerKey: 'sms',
        messageType: 'sms' as const,
        state,
        reasonCode: reason?.[0] ?? null,
        reason: reason?.[1] ?? null,
        heldForReviewAt: isUnknown ? at : null,
        deliveredAt: deliveryDelayMs === undefined ? null : new Date(at.getTime() + deliveryDelayMs),
        rawPayload: '{}',
        createdAt: at,
        updatedAt: at,
      };
    }),
  });
}

const hour = 60 * 60 * 1000;

/** Moves the clock to a noon, UTC: far from every midnight that the test's numbers could fall apart at. Call it first. */
export function jumpToNoon({ clock }: World): void {
  const day = 24 * hour;
  clock.jump((Math.floor(clock.now() / day) + 1.5) * day - clock.now());
}

/** Two weeks as a real location has them: less at the week's end, a few failures, replies. The same each time. */
export function createTwoWeeks(now: number, maxPerDay: number): StoredMessage[] {
  let seed = 7;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  return Array.from({ length: 14 }, (_, daysAgo) => {
    const from = now - daysAgo * 24 * hour;
    const weekdayFactor = [0, 6].includes(new Date(from).getUTCDay()) ? 0.3 : 1;
    return Array.from({ length: Math.round(maxPerDay * weekdayFactor * (0.6 + 0.4 * random())) }, (): StoredMessage => {
      const at = from - random() * 6 * hour;
      const deliveryDelayMs = Math.round(800 + 6_000 * random() ** 2 + (random() > 0.95 ? 60_000 : 0));
      const kind = random();
      if (kind < 0.2) return { at, direction: 'inbound', deliveryDelayMs };
      if (kind < 0.24) return { at, state: 'failed', reason: ['21610', 'The contact has opted out.'] };
      if (kind < 0.26) return { at, state: 'failed', reason: ['no_address', 'x'] };
      if (kind < 0.27 && daysAgo < 3) return { at, state: 'pending', reason: ['awaiting_receipt', 'x'] };
      if (kind < 0.273) return { at, state: 'pending', reason: ['interrupted', 'x'], isUnknown: true };
      return { at, state: kind < 0.7 ? 'delivered' : 'read', deliveryDelayMs };
    });
  }).flat();
}
