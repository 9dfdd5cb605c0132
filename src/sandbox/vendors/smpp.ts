import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { type Command, isResponse, type Pdu, readText, toResponse } from '../../core/smpp/pdu.ts';
import { createPduReader } from '../../core/smpp/read-pdu.ts';
import { writePdu } from '../../core/smpp/write-pdu.ts';
import { toDeliveries, toReceipt } from './smpp/deliveries.ts';
import { type AcceptedPart, checkSubmit, joinTexts } from './smpp/rules.ts';
import { createSmscState, type SimDelivery, type SimSms, type SmscState } from './smpp/state.ts';

/** A fault of the next messages, until another is set. `cut` and `hang_after_accepting` have accepted the message. */
export type SmscFault =
  | { kind: 'status'; status: number }
  /** A response whose id has no NUL at its end. */
  | { kind: 'unreadable'; status: number }
  | { kind: 'hang' | 'hang_after_accepting' | 'drop' | 'cut' }
  | { kind: 'late'; ms: number };

export type SimulatedSmsc = ReturnType<typeof createSmsc>;

/** A bind of the app. */
interface Bind {
  readonly socket: Socket;
  role: 'transceiver' | 'transmitter' | 'receiver' | null;
  sequence: number;
  /** Deliveries whose response is awaited, by sequence number. */
  readonly awaited: Map<number, SimDelivery>;
}

const maxAwaited = 10;
const roles = new Map<Command, NonNullable<Bind['role']>>([
  ['bind_transceiver', 'transceiver'],
  ['bind_transmitter', 'transmitter'],
  ['bind_receiver', 'receiver'],
]);

export interface SmscOptions {
  clock: Clock;
  random: RandomSource;
  state?: SmscState | undefined;
  onChange?: () => void;
  /** Called for each message whose parts are all there. */
  onMessage?: (message: SimSms) => void;
  /** Chooses the fault of one part, before that of `setFault`. */
  pickFault?: (part: AcceptedPart) => SmscFault | null;
  /** Delay of a response that no fault changes. */
  responseDelayMs?: number;
  /** Form of the ids in receipts; responses have them in hexadecimal. */
  receiptIds?: 'hex' | 'decimal';
  /** Largest number of binds of the account at the same time. */
  maxBinds?: number;
  tls?: { key: string; cert: string };
}

/**
 * Creates a simulated carrier (SMSC): it takes binds and messages by the rules of SMPP 3.4, sends receipts and messages of contacts, each again
 * until it is acknowledged, and breaks on request. A message stays `accepted` until its phone, or a test, delivers it.
 */
export function createSmsc(options: SmscOptions) {
  const { clock, random, onChange: notifyChange = () => undefined } = options;
  const state: SmscState = options.state ?? createSmscState(random);
  const binds = new Set<Bind>();
  const partial = new Map<string, { ids: number[]; parts: AcceptedPart[] }>();
  const violations: string[] = [];
  const counts = { binds: 0, refusedBinds: 0, unbinds: 0, submits: 0, enquiries: 0, maxPending: 0 };
  let fixedFault: SmscFault | null = null;
  let server: Server | null = null;
  let acknowledgements: (() => void)[] = [];
  let pendingCount = 0;

  const listBound = () => [...binds].filter(({ role }) => role !== null);

  function write({ socket }: Bind, pdu: Pdu): void {
    if (!socket.destroyed) socket.write(writePdu(pdu));
  }

  function respond(bind: Bind, { command, sequence }: Pdu, status: number, fields: Pdu['fields'] = null): void {
    write(bind, { command: toResponse(command) as Command, status, sequence, fields, tlvs: [] });
  }

  function respondUnreadably({ socket }: Bind, { command, sequence }: Pdu, status: number): void {
    const fields = { messageId: 'unended' };
    const octets = writePdu({ command: toResponse(command) as Command, status, sequence, fields, tlvs: [] }).subarray(0, -1);
    octets.writeUInt32BE(octets.length, 0);
    socket.write(octets);
  }

  function bindAccount(bind: Bind, pdu: Pdu, role: NonNullable<Bind['role']>): void {
    const { systemId, password, isRefused } = state.account;
    const isFull = options.maxBinds !== undefined && listBound().length >= options.maxBinds;
    const status =
      bind.role !== null || isFull
        ? 0x05
        : readText(pdu, 'systemId') !== systemId
          ? 0x0f
          : isRefused || readText(pdu, 'password') !== password
            ? 0x0e
            : 0;
    if (status !== 0) {
      counts.refusedBinds += 1;
      respond(bind, pdu, status);
      bind.socket.end();
      return;
    }
    bind.role = role;
    counts.binds += 1;
    respond(bind, pdu, 0, { systemId: 'simulated' });
    push();
  }

  async function submit(bind: Bind, pdu: Pdu): Promise<void> {
    counts.submits += 1;
    const checked =
      bind.role === null || bind.role === 'receiver' ? { status: 0x04, why: 'no bind to send' } : checkSubmit(pdu);
    if ('status' in checked) {
      violations.push(checked.why);
      respond(bind, pdu, checked.status);
      return;
    }
    const fault = options.pickFault?.(checked) ?? fixedFault;
    if (fault?.kind === 'status') respond(bind, pdu, fault.status);
    if (fault?.kind === 'drop') bind.socket.destroy();
    if (fault?.kind === 'unreadable') respondUnreadably(bind, pdu, fault.status);
    if (fault?.kind === 'unreadable' || fault?.kind === 'hang' || fault?.kind === 'status' || fault?.kind === 'drop') return;
    pendingCount += 1;
    counts.maxPending = Math.max(counts.maxPending, pendingCount);
    const id = accept(checked);
    const delayMs = fault?.kind === 'late' ? fault.ms : (options.responseDelayMs ?? 0);
    if (delayMs > 0) await new Promise<void>((done) => clock.setTimeout(done, delayMs));
    pendingCount -= 1;
    if (fault?.kind === 'cut') bind.socket.destroy();
    if (fault?.kind === 'cut' || fault?.kind === 'hang_after_accepting') return;
    respond(bind, pdu, 0, { messageId: id.toString(16).padStart(8, '0') });
  }

  function accept(part: AcceptedPart): number {
    const { from, to, place } = part;
    state.lastId += 1;
    const id = state.lastId;
    const key = place ? [from, to, place.reference, place.total].join('|') : `${id}`;
    const found = partial.get(key) ?? { ids: [], parts: [] };
    // A part that comes again replaces the earlier one, as on a phone.
    const index = found.parts.findIndex((one) => one.place?.part === place?.part);
    if (index >= 0) found.parts.splice(index, 1);
    found.parts.push(part);
    found.ids.push(id);
    partial.set(key, found);
    if (found.parts.length < (place?.total ?? 1)) return id;
    partial.delete(key);
    const message: SimSms = { ids: found.ids, from, to, text: joinTexts(found.parts), at: clock.now(), state: 'accepted' };
    state.messages.push(message);
    notifyChange();
    options.onMessage?.(message);
    return id;
  }

  /** Sends what is not acknowledged yet over the binds that take it. */
  function push(): void {
    const receivers = listBound().filter(({ role }) => role !== 'transmitter');
    const awaited = new Set(receivers.flatMap((bind) => [...bind.awaited.values()]));
    for (const delivery of state.deliveries) {
      if (awaited.has(delivery)) continue;
      const bind = receivers.find((one) => one.awaited.size < maxAwaited);
      if (!bind) return;
      bind.sequence += 1;
      bind.awaited.set(bind.sequence, delivery);
      const fields = { ...delivery.fields, shortMessage: Buffer.from(delivery.octets, 'base64') };
      const tlvs = delivery.tlvs.map(({ tag, value }) => ({ tag, value: Buffer.from(value, 'base64') }));
      write(bind, { command: 'deliver_sm', status: 0, sequence: bind.sequence, fields, tlvs });
    }
  }

  function acknowledge(bind: Bind, { sequence, status }: Pdu): void {
    const delivery = bind.awaited.get(sequence);
    bind.awaited.delete(sequence);
    if (!delivery) return;
    if (status === 0) {
      state.deliveries = state.deliveries.filter((one) => one !== delivery);
      notifyChange();
      for (const done of acknowledgements.splice(0)) done();
      push();
    } else clock.setTimeout(push, 1_000);
  }

  function handle(bind: Bind, pdu: Pdu): void {
    if (isResponse(pdu.command)) {
      if (pdu.command === 'deliver_sm_resp') acknowledge(bind, pdu);
      else if (pdu.command === 'generic_nack') violations.push(`generic_nack with status ${pdu.status}`);
      return;
    }
    const role = roles.get(pdu.command);
    if (role) bindAccount(bind, pdu, role);
    else if (pdu.command === 'submit_sm') void submit(bind, pdu);
    else if (pdu.command === 'enquire_link') {
      counts.enquiries += 1;
      respond(bind, pdu, 0, {});
    } else if (pdu.command === 'unbind') {
      counts.unbinds += 1;
      respond(bind, pdu, 0, {});
      bind.socket.end();
    } else {
      violations.push(`an unexpected ${pdu.command}`);
      respond(bind, pdu, 0x03);
    }
  }

  function connect(socket: Socket): void {
    const bind: Bind = { socket, role: null, sequence: 0, awaited: new Map() };
    const reader = createPduReader();
    binds.add(bind);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      binds.delete(bind);
      push();
    });
    socket.on('data', (chunk: Buffer) => {
      for (const read of reader.push(chunk)) {
        if ('problem' in read) {
          violations.push(read.message);
          socket.destroy();
          return;
        }
        handle(bind, read);
      }
    });
  }

  function deliver(delivery: Omit<SimDelivery, 'id'>): SimDelivery {
    const added = { ...delivery, id: random(8).toString('hex') };
    state.deliveries.push(added);
    notifyChange();
    push();
    return added;
  }

  /** Sends the receipt of each part of a message. */
  function report(message: SimSms, next: 'delivered' | 'failed', word: string, messageState: number): SimDelivery[] {
    message.state = next;
    return message.ids.map((id) =>
      deliver(toReceipt(message, id, { word, messageState, form: options.receiptIds, now: clock.now() })),
    );
  }

  const find = (id: number) => state.messages.find(({ ids }) => ids.includes(id));

  return {
    state,
    violations,
    counts,
    setFault(next: SmscFault | null) {
      fixedFault = next;
    },
    /** Starts to listen. @param port 0: any @returns the port */
    async listen(port: number, host = '127.0.0.1'): Promise<number> {
      const opened = options.tls ? createTlsServer(options.tls, connect) : createServer(connect);
      server = opened;
      await new Promise<void>((done, failed) => opened.once('error', failed).listen({ port, host }, done));
      state.port = (opened.address() as { port: number }).port;
      return state.port;
    },
    countBinds: () => listBound().length,
    /** Breaks every connection. */
    cut() {
      for (const { socket } of binds) socket.destroy();
    },
    /** Ends every bind in order. */
    unbindAll() {
      for (const bind of listBound())
        write(bind, { command: 'unbind', status: 0, sequence: ++bind.sequence, fields: {}, tlvs: [] });
    },
    deliver(id: number) {
      const message = find(id);
      return message ? report(message, 'delivered', 'DELIVRD', 2) : [];
    },
    fail(id: number) {
      const message = find(id);
      return message ? report(message, 'failed', 'UNDELIV', 5) : [];
    },
    /** Receives a message of a contact, in as many parts as it needs. */
    receive: (text: { from: string; to: string; text: string }) => toDeliveries(text, random(1)[0] as number).map(deliver),
    /** Sends any `deliver_sm`. */
    push: deliver,
    /** Resolves when the app has acknowledged these. */
    async waitForAcknowledgement(deliveries: readonly SimDelivery[]): Promise<void> {
      while (deliveries.some((one) => state.deliveries.includes(one))) {
        await new Promise<void>((done) => acknowledgements.push(done));
      }
    },
    async close(): Promise<void> {
      const waiting = acknowledgements;
      acknowledgements = [];
      for (const done of waiting) done();
      for (const { socket } of binds) socket.destroy();
      await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
    },
  };
}
