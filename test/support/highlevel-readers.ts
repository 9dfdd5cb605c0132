import { addCall } from '../../src/highlevel/calls.ts';
import { dndFilters, searchContactsByDnd } from '../../src/highlevel/contact-search.ts';
import type { InboundPost } from '../../src/highlevel/messages.ts';
import type { HighLevelResponse } from '../../src/highlevel/response.ts';
import { sendMessage } from '../../src/highlevel/send-message.ts';
import { createCharge, findCharge, hasFunds } from '../../src/highlevel/wallet.ts';
import type { ForeignReader } from './foreign-readers.ts';

/** Readers of HighLevel's responses about calls, searches, workflow sends and the wallet. */
export function createHighLevelReaders(
  respondWith: (json: string) => () => Promise<HighLevelResponse>,
  inboundPost: InboundPost,
): Readonly<Record<string, ForeignReader>> {
  const { locationId, contactId, provider } = inboundPost;
  const charge = { appId: 'A', meterId: 'm', eventId: 'e', locationId, companyId: 'C', description: 'd' };
  return {
    'an outbound call': {
      file: 'highlevel/calls.ts',
      document: { messageId: 'M', conversationId: 'V' },
      required: ['messageId'],
      errorCodes: ['highlevel_no_message_id'],
      async read(json) {
        const post = { ...inboundPost, direction: 'outbound' as const, callStatus: 'completed' as const };
        const { response: _, ...posted } = await addCall(respondWith(json), post, 'V');
        return posted;
      },
    },
    'a search of contacts': {
      file: 'highlevel/contact-search.ts',
      document: {
        contacts: [{ id: 'C', phone: '+12025550143', email: 'a@b.c', searchAfter: [1, 'C'] }, { id: 'D' }],
        total: 2,
      },
      required: ['contacts.0.id', 'contacts.1.id'],
      lists: ['contacts'],
      errorCodes: [],
      read: (json) => searchContactsByDnd(respondWith(json), locationId, dndFilters[0], null),
    },
    'a message that HighLevel is asked to send': {
      file: 'highlevel/send-message.ts',
      document: { messageId: 'M', conversationId: 'V' },
      required: ['messageId'],
      errorCodes: ['highlevel_no_message_id'],
      read: (json) =>
        sendMessage(respondWith(json), { locationId, provider, contactId, text: 't', subject: null, attachments: [] }),
    },
    'whether a wallet has funds': {
      file: 'highlevel/wallet.ts',
      document: { hasFunds: true },
      required: ['hasFunds'],
      errorCodes: [],
      read: (json) => hasFunds(respondWith(json), locationId),
    },
    'a charge': {
      file: 'highlevel/wallet.ts',
      document: { chargeId: 'c' },
      required: ['chargeId'],
      errorCodes: ['highlevel_unreachable'],
      read: (json) => createCharge(respondWith(json), charge),
    },
    'a list of charges': {
      file: 'highlevel/wallet.ts',
      document: {
        charges: [
          { chargeId: 'c', refunded: true, transactionType: 'charge', meta: { eventId: 'e' } },
          { chargeId: 'd', refunded: false, transactionType: 'charge', meta: { eventId: 'e' } },
        ],
      },
      required: ['charges.0.chargeId', 'charges.0.refunded', 'charges.1.chargeId'],
      lists: ['charges'],
      errorCodes: [],
      read: (json) => findCharge(respondWith(json), charge),
    },
  };
}
