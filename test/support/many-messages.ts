import { minIdAt } from '../../src/core/ids.ts';
import type { Prisma } from '../../src/database/client.ts';
import type { World } from './world.ts';

type Row = Partial<Prisma.MessageCreateManyInput>;

const texts = [
  'Hi Maya, your appointment on Thursday at 10:30 is confirmed. Reply STOP to opt out.',
  'Your table for four is ready. See you soon!',
  'Reminder: the invoice for October is due on Friday. You can pay it online at any time.',
  'Thanks for your visit! How did we do? Reply with a number from 1 to 5.',
  'Yes, that works. See you then.',
];

/**
 * Believable messages of a location, one a minute up to now, as if they had come and gone.
 *
 * @param overridesFor what is different about the one with this number; 0 is the newest
 * @returns their ids, newest first
 */
export async function addMessages(
  world: World,
  location: { id: string; connectionId?: string },
  count: number,
  overridesFor: (index: number) => Row = () => ({}),
): Promise<string[]> {
  const nowMs = world.clock.now();
  const rows = Array.from({ length: count }, (_, index): Prisma.MessageCreateManyInput => {
    const at = new Date(nowMs - index * 60_000);
    const isInbound = index % 5 === 4;
    const phone = `+1202555${String(100 + (index % 900)).padStart(4, '0')}`;
    return {
      id: createMessageId(at, index),
      direction: isInbound ? 'inbound' : 'outbound',
      locationId: location.id,
      providerKey: 'sms',
      connectionId: location.connectionId ?? null,
      highlevelMessageId: `hl${location.id}${index}`,
      externalId: `ext-${index}`,
      contactId: `contact${index % 900}`,
      messageType: 'sms',
      to: isInbound ? '+12025550100' : phone,
      from: isInbound ? phone : null,
      text: texts[index % texts.length] ?? null,
      attachments: [],
      state: index % 3 === 0 ? 'read' : 'delivered',
      isTest: false,
      sentExternally: false,
      retryCount: 0,
      reportRetryCount: 0,
      rawPayload: '{}',
      createdAt: at,
      updatedAt: at,
      ...overridesFor(index),
    };
  });
  // As one value: with a parameter for each field, ten thousand rows take seconds.
  const snakeCaseRows = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
    ),
  );
  await world.db.$executeRawUnsafe(
    'INSERT INTO messages SELECT * FROM json_populate_recordset(NULL::messages, $1::json)',
    JSON.stringify(snakeCaseRows),
  );
  return rows.map(({ id }) => id as string);
}

let createdCount = 0;

/** Creates an id that is unique across all locations. */
function createMessageId(at: Date, index: number): string {
  createdCount += 1;
  return `${minIdAt(at).slice(0, 14)}7${(index % 4096).toString(16).padStart(3, '0')}-8000-${createdCount.toString(16).padStart(12, '0')}`;
}
