import { createDeadline } from '../../core/clock.ts';
import type { ChannelEvent, OpenSession } from '../channel.ts';
import { type BindRefusal, type BindRole, openBind, toAccountKey } from './bind.ts';
import type { SmppContext } from './config.ts';
import { createIdBook } from './id-book.ts';
import { createInbox } from './inbox.ts';
import type { Link, LinkDeps } from './link.ts';
import { createReceiptReader } from './receive-receipt.ts';
import { createSender } from './send.ts';
import { createStateStore, parseState, type StateStore } from './state.ts';

type Emit = (events: readonly ChannelEvent[], state?: unknown) => Promise<void>;

/** Binds in a row that are refused without a reason before the account is held. */
const maxRefusedBinds = 3;
const sweepIntervalMs = 60_000;
/** Within the two seconds that a session has to close. */
const closeDrainMs = 1_000;
const unbindMs = 500;
/** When one of several binds ends, the others wait this long for responses. */
const endDrainMs = 10_000;

/**
 * Opens the binds of a connection. They are one session: when one of them ends, the others are ended in order, and all are opened again.
 *
 * @throws when the carrier can't be reached, or refuses for a reason that passes
 */
export async function openSmppSession(context: SmppContext, emit: Emit): Promise<OpenSession> {
  const { clock, log, connection } = context;
  const { config } = connection;
  const current = parseState(await context.state.get());
  const store = createStateStore(current, (state) => emit([], state));
  const notice = (message: string) => log.info({ host: config.host }, message);
  const form = config.messageIdForm;
  const book = createIdBook(current.ids, form === 'learn' ? null : form);
  const inbox = createInbox({ clock, store, charset: config.defaultCharset, emit, notice });
  const receipts = createReceiptReader({ store, book, emit, notice });
  const handlers = {
    receive: async (pdu) => (await receipts.receive(pdu)) ?? inbox.receive(pdu),
    receiveLate: receipts.receiveLate,
    notice,
  } satisfies Pick<LinkDeps, 'receive' | 'receiveLate' | 'notice'>;

  const opened = await openBinds(context, handlers, notice);
  if ('refusal' in opened) return createRefusedSession(store, opened.refusal);
  const { links, senders } = opened;
  const account = toAccountKey(config);
  Object.assign(current, { refusedBinds: 0, refusal: null, bound: { as: account, at: clock.now() } });
  await store.save().catch((error: unknown) => {
    for (const link of links) link.destroy('The session could not be recorded.');
    throw error;
  });

  const sender = createSender({ clock, config, links: senders, receipts, store, account, notice });
  const closed = Promise.withResolvers<null>();
  const sweeper = clock.setInterval(() => {
    current.bound = { as: account, at: clock.now() };
    void inbox
      .sweep()
      .then(() => store.save())
      .catch(() => {});
  }, sweepIntervalMs);
  let isEnding = false;

  async function end(drainMs: number): Promise<void> {
    if (isEnding) return;
    isEnding = true;
    clock.clearInterval(sweeper);
    sender.stop();
    await Promise.all(links.map((link) => link.drain(drainMs)));
    await Promise.all(links.map((link) => link.unbind(unbindMs)));
    receipts.stop();
    closed.resolve(null);
  }

  for (const link of links) {
    void link.ended.then((reason) => {
      if (!isEnding) notice(`a bind has ended: ${reason}`);
      void end(endDrainMs);
    });
  }
  return {
    send: sender.send,
    closed: closed.promise,
    async close() {
      void end(closeDrainMs);
      const deadline = createDeadline(clock, closeDrainMs + unbindMs + 100);
      await Promise.race([
        closed.promise,
        new Promise<void>((done) => deadline.signal.addEventListener('abort', () => done())),
      ]);
      deadline.dispose();
      for (const link of links) link.destroy('The session was closed.');
    },
  };
}

/** Opens all binds. Those after the first may be fewer than wanted, where the carrier allows no more. */
async function openBinds(
  context: SmppContext,
  handlers: Pick<LinkDeps, 'receive' | 'receiveLate' | 'notice'>,
  notice: (message: string) => void,
): Promise<{ links: Link[]; senders: Link[] } | { refusal: BindRefusal }> {
  const { bindMode, binds } = context.connection.config;
  const roles: BindRole[] = bindMode === 'transceiver' ? ['transceiver'] : ['transmitter', 'receiver'];
  const links: Link[] = [];
  const senders: Link[] = [];
  try {
    for (let round = 0; round < binds; round++) {
      for (const role of roles) {
        const opened = await openBind(context, role, handlers);
        if ('link' in opened) {
          links.push(opened.link);
          if (role !== 'receiver') senders.push(opened.link);
        } else if (round === 0) {
          for (const link of links) link.destroy('Another bind was refused.');
          return opened;
        } else {
          notice(`the carrier refused a further bind: ${opened.refusal.message}`);
          return { links, senders };
        }
      }
    }
    return { links, senders };
  } catch (error) {
    for (const link of links) link.destroy('Another bind failed.');
    throw error;
  }
}

/** A session that has ended before it began, because of the account. @throws when the refusal may pass */
async function createRefusedSession(store: StateStore, refusal: BindRefusal): Promise<OpenSession> {
  const { current } = store;
  const { kind, code, message } = refusal;
  current.bound = null;
  if (kind === 'unclear') current.refusedBinds += 1;
  const isHeld = kind === 'account' || current.refusedBinds >= maxRefusedBinds;
  if (isHeld) current.refusedBinds = 0;
  await store.save();
  if (!isHeld) throw new Error(message);
  return { closed: Promise.resolve({ code, message }), close: async () => {} };
}
