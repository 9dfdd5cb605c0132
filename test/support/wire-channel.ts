import { connect, type Socket } from 'node:net';
import * as z from 'zod';
import type { Channel, ChannelEvent, OpenSession, OutboundMessage, SendOutcome } from '../../src/channels/channel.ts';
import { readJsonLines } from './json-lines.ts';

const configSchema = z.strictObject({ port: z.int(), key: z.string().meta({ sensitive: true, sentTo: { host: 'port' } }) });
type WireConfig = z.output<typeof configSchema>;

interface WireLine {
  bound?: number;
  refused?: string;
  sent?: string;
  externalId?: string;
  seq?: number;
  event?: ChannelEvent;
}

const accountCodes = new Set(['wrong_key', 'account_closed']);

/** The channel of `wire-vendor.ts`: its session carries sends and events. Its state is the number of the last event that it has stored. */
const wireChannel: Channel<WireConfig> = {
  type: 'wire',
  title: 'Wire',
  configSchema,
  capabilities: {
    messageTypes: ['sms'],
    addressType: 'phone',
    attachments: 'none',
    receipts: true,
    idempotent: true,
    vendorAddresses: false,
    managesOptOuts: false,
  },
  send: () => Promise.reject(new Error('This channel sends through its session.')),
  session: {
    carriesSends: true,
    async open({ connection, state, signal }, emit) {
      const last = (await state.get<{ seq: number }>())?.seq ?? 0;
      const socket = connect({ host: '127.0.0.1', port: connection.config.port });
      signal.addEventListener('abort', () => socket.destroy());
      return openWire(socket, connection.config.key, last, emit);
    },
  },
};

export default wireChannel;

function openWire(
  socket: Socket,
  key: string,
  last: number,
  emit: (events: readonly ChannelEvent[], state?: unknown) => Promise<void>,
): Promise<OpenSession> {
  const pending = new Map<string, (outcome: SendOutcome) => void>();
  const opened = Promise.withResolvers<OpenSession>();
  const closed = Promise.withResolvers<{ code: string; message: string } | null>();
  let storing: Promise<void> = Promise.resolve();
  const write = (line: object) => socket.write(`${JSON.stringify(line)}\n`);

  const session: OpenSession = {
    closed: closed.promise,
    send(message: OutboundMessage) {
      return new Promise((resolve) => {
        pending.set(message.idempotencyKey, resolve);
        const { id, idempotencyKey, to, text } = message;
        write({ send: { id, key: idempotencyKey, to, text } });
      });
    },
    async close() {
      await storing;
      socket.destroy();
    },
  };

  socket.on('connect', () => write({ bind: key }));
  socket.on('close', () => {
    for (const resolve of pending.values())
      resolve({ kind: 'unknown', code: 'session_cut', message: 'The session broke off.' });
    opened.reject(new Error('The vendor closed the connection.'));
    closed.resolve(null);
  });
  readJsonLines<WireLine>(socket, (line) => {
    if (line.bound !== undefined) opened.resolve(session);
    if (line.refused !== undefined) {
      closed.resolve(
        accountCodes.has(line.refused) ? { code: line.refused, message: `The vendor refused: ${line.refused}.` } : null,
      );
      opened.resolve(session);
      socket.destroy();
    }
    if (line.sent !== undefined) {
      pending.get(line.sent)?.({ kind: 'accepted', externalIds: [line.externalId ?? ''] });
      pending.delete(line.sent);
    }
    const { seq, event } = line;
    if (seq !== undefined && event) {
      storing = storing.then(async () => {
        if (seq > last) await emit([event], { seq });
        write({ ack: seq });
      });
      // Not acknowledged: the vendor pushes it again.
      storing = storing.catch(() => {});
    }
  });
  return opened.promise;
}
