import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database, Prisma } from '../../database/client.ts';

const messagesPerPage = 200;

const messageFields = {
  id: true,
  direction: true,
  messageType: true,
  state: true,
  from: true,
  to: true,
  name: true,
  subject: true,
  text: true,
  html: true,
  attachments: true,
  callStatus: true,
  createdAt: true,
  occurredAt: true,
  deliveredAt: true,
  contentErasedAt: true,
  highlevelMessageId: true,
  receipts: { select: { state: true, recipient: true, reason: true, occurredAt: true, receivedAt: true } },
} as const satisfies Prisma.MessageSelect;

/** Loads what is stored about a contact beside its messages: addresses, opt-outs, tags and the user who is assigned. */
async function loadContactRecord({ client }: Database, locationId: string, contactId: string) {
  const addresses = await client.contactAddress.findMany({
    where: { locationId, contactId },
    select: { address: true, updatedAt: true },
  });
  const spellings = addresses.flatMap(({ address }) => listPhoneSpellings(address));
  const [optOuts, facts, vendorAddresses] = await Promise.all([
    client.optOut.findMany({
      where: { locationId, address: { in: spellings } },
      select: { address: true, category: true, source: true, reason: true, startedAt: true, liftedAt: true, liftReason: true },
      orderBy: { id: 'asc' },
    }),
    client.contactFacts.findUnique({
      where: { locationId_contactId: { locationId, contactId } },
      select: { tags: true, assignedTo: true, seenAt: true },
    }),
    client.vendorAddress.findMany({
      where: {
        address: { in: spellings },
        connectionId: {
          in: (await client.connection.findMany({ where: { locationId }, select: { id: true } })).map(({ id }) => id),
        },
      },
      select: { address: true, vendorAddress: true, vendorUserId: true, lastInboundAt: true },
    }),
  ]);
  return { locationId, contactId, addresses, vendorAddresses, optOuts, facts };
}

/** Exports what is stored about a contact as one JSON document, a part at a time: memory does not grow with its messages. */
export async function* exportContact(db: Database, locationId: string, contactId: string): AsyncGenerator<string> {
  const record = JSON.stringify(await loadContactRecord(db, locationId, contactId), null, 2);
  yield `${record.slice(0, record.lastIndexOf('\n'))},\n  "messages": [`;
  let separator = '\n';
  for (let after: string | undefined; ; ) {
    const page = await db.client.message.findMany({
      where: { locationId, contactId, ...(after ? { id: { gt: after } } : {}) },
      select: messageFields,
      orderBy: { id: 'asc' },
      take: messagesPerPage,
    });
    for (const message of page) {
      yield `${separator}    ${JSON.stringify(message)}`;
      separator = ',\n';
    }
    after = page.at(-1)?.id;
    if (page.length < messagesPerPage) break;
  }
  yield '\n  ]\n}\n';
}
