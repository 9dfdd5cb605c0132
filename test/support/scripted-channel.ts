import * as z from 'zod';
import {
  type Capabilities,
  type Channel,
  type ChannelEvent,
  defineChannel,
  type IsOfAnother,
  type OutboundMessage,
  type SendOutcome,
} from '../../src/channels/channel.ts';
import { gatewayCapabilities } from '../../src/channels/gateway/gateway.ts';

/** A channel whose vendor is not idempotent and sends receipts, and which does what a test sets. Its webhook's body is a list of events. */
export function createScriptedChannel(capabilities: Partial<Capabilities> = {}) {
  const script = {
    sends: [] as OutboundMessage[],
    lookUps: [] as { message: OutboundMessage; since: Date }[],
    send: async (_message: OutboundMessage): Promise<SendOutcome> => ({ kind: 'accepted', externalIds: ['vendor-1'] }),
    lookUp: null as
      | ((message: OutboundMessage, isOfAnother?: IsOfAnother) => SendOutcome | null | Promise<SendOutcome | null>)
      | null,
    file: null as Buffer | null,
    readUntil: null as Date | null,
  };
  const channel: Channel = defineChannel({
    type: 'scripted',
    title: 'Scripted',
    configSchema: z.strictObject({ name: z.string().optional() }),
    capabilities: { ...gatewayCapabilities, idempotent: false, ...capabilities },
    send(_context, message) {
      script.sends.push(message);
      return script.send(message);
    },
    async lookUpSend(_context, message, since, isOfAnother) {
      script.lookUps.push({ message, since });
      return script.lookUp?.(message, isOfAnother) ?? null;
    },
    async lookUpReceipt(_context, externalId) {
      return { externalId, state: 'delivered' };
    },
    receiptsReadUntil: async () => script.readUntil,
    async fetchAttachment(context, ref) {
      return context.fetchFile(ref, { authorization: 'Basic of-the-vendor' });
    },
    webhooks: {
      paths: ['events'],
      receive: (_context, { body }) => ({ events: JSON.parse(body.toString('utf8'), reviveTime) as ChannelEvent[] }),
    },
  });
  return { channel, script };
}

function reviveTime(name: string, value: unknown): unknown {
  return name === 'occurredAt' || name === 'triesUntil' ? new Date(String(value)) : value;
}
