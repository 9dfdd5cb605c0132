import type { ChannelEvent, OutboundMessage } from '../../src/channels/channel.ts';
import type { SmppContext } from '../../src/channels/smpp/config.ts';
import { openSmppSession } from '../../src/channels/smpp/session.ts';
import { createSmppChannel } from '../../src/channels/smpp/smpp.ts';
import { systemRandom } from '../../src/core/ids.ts';
import { createSmsc, type SmscOptions } from '../../src/sandbox/vendors/smpp.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { message } from './contract.ts';

/** The channel's sessions with a simulated carrier, without the program. Its state and its events outlive a session. */
export async function startSmppWorld(options: Partial<SmscOptions> & { config?: object; port?: number } = {}) {
  const world = createChannelWorld();
  const { clock } = world;
  const smsc = createSmsc({ clock, random: systemRandom, ...options });
  const port = options.port ?? (await smsc.listen(0));
  const { systemId, password } = smsc.state.account;
  const basic = { host: '127.0.0.1', port, systemId, password, sourceAddress: '+12025550100', ...options.config };
  const channel = createSmppChannel({ allowPrivateTargets: true });
  const events: ChannelEvent[] = [];
  let isFailing: boolean | 'after_storing' = false;
  let count = 0;

  const createContext = (config: object = {}) =>
    world.createContext(channel.configSchema.parse({ ...basic, ...config })) as unknown as SmppContext;

  return {
    ...{ world, clock, smsc, events, createContext, channel },
    config: basic,
    /** Opens a session as its owner does. */
    async open(config: object = {}) {
      const context = createContext(config);
      let isClosed = false;
      const session = await openSmppSession(context, async (emitted, state) => {
        if (isFailing === true || isClosed) throw new Error('The database is away.');
        events.push(...emitted);
        if (state !== undefined) await context.state.set(state);
        if (isFailing && emitted.length > 0) throw new Error('The database’s response was lost.');
      });
      return {
        ...session,
        send: session.send as NonNullable<typeof session.send>,
        /** Ends it as a killed process does: what is not acknowledged then is not stored. */
        kill() {
          isClosed = true;
          smsc.cut();
        },
      };
    },
    createMessage(changes: Partial<OutboundMessage> = {}): OutboundMessage {
      count += 1;
      const id = `01890000-0000-7000-8000-${String(count).padStart(12, '0')}`;
      return { ...message, id, idempotencyKey: id, ...changes };
    },
    /** Lets no event be stored, or each be stored without a word of it, or stores them again. */
    fail(failing: boolean | 'after_storing') {
      isFailing = failing;
    },
    listReceipts: () => events.flatMap((event) => (event.kind === 'receipt' ? [event.receipt] : [])),
    listTexts: () => events.flatMap((event) => (event.kind === 'inbound' ? [event.inbound.text] : [])),
    listInbound: () => events.flatMap((event) => (event.kind === 'inbound' ? [event.inbound] : [])),
    /** Waits in real time, and moves the clock where `ms` is given. */
    async waitFor(condition: () => boolean, ms = 0): Promise<void> {
      const timeoutAt = performance.now() + 10_000;
      while (!condition() && performance.now() < timeoutAt) {
        await new Promise((done) => setTimeout(done, 5));
        if (ms > 0) await clock.tick(ms);
      }
      expect(condition()).toBe(true);
    },
    async [Symbol.asyncDispose]() {
      await smsc.close();
      world.close();
    },
  };
}
