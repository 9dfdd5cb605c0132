import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { type Command, type Fields, isResponse, maxSequence, type Pdu, type Tlv, toResponse } from '../../core/smpp/pdu.ts';
import { createPduReader, type PduProblem } from '../../core/smpp/read-pdu.ts';
import { writePdu } from '../../core/smpp/write-pdu.ts';

export interface LinkDeps {
  clock: Clock;
  socket: Socket;
  /** A link without traffic is asked for a sign of life after this time. */
  enquireLinkMs: number;
  responseTimeoutMs: number;
  /** Handles a message from the carrier. Its result is the status of the response; the link waits for it. */
  receive(pdu: Pdu): Promise<number>;
  /** Called with a response that came after its time. */
  receiveLate?(request: Request, response: Pdu): void;
  /** Called with what is odd about the carrier, for the log. */
  notice(message: string): void;
}

/** A request without its header. */
export interface Request {
  readonly command: Command;
  readonly fields: Fields;
  readonly tlvs?: readonly Tlv[];
  /** Distinguishes the caller's requests when a response comes late. */
  readonly tag?: unknown;
  /** Called with the response before anything else that came with it is handled, such as the receipt of the same message. */
  readonly noteResponse?: (response: Pdu) => void;
}

/** Result of a request: `unsent` when not one octet has left, `unwritable` when none ever can, `lost` when it may have arrived. */
export type Reply =
  | { readonly kind: 'response'; readonly pdu: Pdu }
  | { readonly kind: 'unwritable'; readonly message: string }
  | { readonly kind: 'unsent'; readonly message: string }
  | { readonly kind: 'lost'; readonly message: string };

/** A TCP connection on which commands and responses go both ways. */
export interface Link {
  request(request: Request): Promise<Reply>;
  /** Resolves when the link is of no further use, with the reason. */
  readonly ended: Promise<string>;
  isOpen(): boolean;
  /** Number of requests whose response is awaited. */
  countPending(): number;
  /** Resolves when no response is awaited, or after a time. */
  drain(ms: number): Promise<void>;
  /** Ends the bind, waits for the carrier's word, and closes. */
  unbind(ms: number): Promise<void>;
  destroy(reason: string): void;
}

/** Statuses of responses of ours (SMPP 5.0, 4.7.6). */
export const responseStatuses = {
  ok: 0,
  invalidLength: 0x02,
  invalidCommand: 0x03,
  invalidBind: 0x04,
  tryLater: 0x64,
  refused: 0x65,
} as const;

/** Commands that the carrier may send while others are handled; more wait in the socket. */
const maxHandled = 50;
/** Time in which what was written may leave. */
const closeDelayMs = 1_000;
/** Requests whose time is over and whose response is still recognised. */
const maxLate = 1_000;

interface Pending {
  readonly request: Request;
  readonly timer: Timer;
  resolve(reply: Reply): void;
}

function tryWrite(pdu: Pdu): Buffer | { unwritable: string } {
  try {
    return writePdu(pdu);
  } catch (error) {
    if (error instanceof RangeError) return { unwritable: error.message };
    throw error;
  }
}

/** Creates a link on an open socket. Every request ends: with a response, after its time, or with the link. */
export function createLink(deps: LinkDeps): Link {
  const { clock, socket } = deps;
  const reader = createPduReader();
  const pending = new Map<number, Pending>();
  const late = new Map<number, Request>();
  const ended = Promise.withResolvers<string>();
  let isOpen = true;
  let sequence = 0;
  let handledCount = 0;
  let idleTimer: Timer;
  let whenIdle: (() => void)[] = [];

  function end(reason: string): void {
    if (!isOpen) return;
    isOpen = false;
    clock.clearTimeout(idleTimer);
    // A response that was just written, such as that to an `unbind`, is to leave first.
    socket.destroySoon();
    clock.setTimeout(() => socket.destroy(), closeDelayMs);
    for (const { timer, resolve } of pending.values()) {
      clock.clearTimeout(timer);
      resolve({ kind: 'lost', message: reason });
    }
    pending.clear();
    noteIdle();
    ended.resolve(reason);
  }

  function noteIdle(): void {
    if (pending.size > 0) return;
    const waiting = whenIdle;
    whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  function write(pdu: Pdu): void {
    if (isOpen) socket.write(writePdu(pdu));
  }

  function respond(command: Command, number: number, status: number): void {
    // Of a message it has an id that is always empty.
    const fields = status === 0 && (command === 'deliver_sm_resp' || command === 'data_sm_resp') ? { messageId: '' } : null;
    write({ command, status, sequence: number, fields, tlvs: [] });
  }

  function request(asked: Request): Promise<Reply> {
    if (!isOpen || socket.destroyed || !socket.writable) {
      return Promise.resolve({ kind: 'unsent', message: 'The connection to the carrier is closed.' });
    }
    sequence = sequence >= maxSequence ? 1 : sequence + 1;
    const number = sequence;
    const pdu = { command: asked.command, status: 0, sequence: number, fields: asked.fields, tlvs: asked.tlvs ?? [] };
    const octets = tryWrite(pdu);
    if ('unwritable' in octets) return Promise.resolve({ kind: 'unwritable', message: octets.unwritable });
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        pending.delete(number);
        late.set(number, asked);
        if (late.size > maxLate) late.delete(late.keys().next().value as number);
        resolve({ kind: 'lost', message: 'The carrier did not respond in time.' });
        noteIdle();
      }, deps.responseTimeoutMs);
      pending.set(number, { request: asked, timer, resolve });
      socket.write(octets);
    });
  }

  function settle(pdu: Pdu): void {
    const found = pending.get(pdu.sequence);
    if (!found) {
      const asked = late.get(pdu.sequence);
      late.delete(pdu.sequence);
      if (asked) deps.receiveLate?.(asked, pdu);
      else if (pdu.command === 'generic_nack') end('The carrier could not read a command and did not say which.');
      return;
    }
    pending.delete(pdu.sequence);
    clock.clearTimeout(found.timer);
    found.request.noteResponse?.(pdu);
    const isFitting = pdu.command === 'generic_nack' || pdu.command === toResponse(found.request.command);
    found.resolve(
      isFitting ? { kind: 'response', pdu } : { kind: 'lost', message: 'The carrier’s response is to another command.' },
    );
    noteIdle();
  }

  function handleProblem({ problem, message, status, sequence: number, command }: PduProblem): void {
    deps.notice(`a command of the carrier could not be read: ${message}`);
    if (problem === 'stream') {
      respond('generic_nack', 0, responseStatuses.invalidLength);
      end('The carrier sent what is not SMPP.');
      return;
    }
    if (command !== null && isResponse(command)) {
      // Its status says what became of the request: it counts as one of the many without a body.
      settle({ command, status, sequence: number, fields: null, tlvs: [] });
      return;
    }
    const response = command && toResponse(command);
    if (response) respond(response, number, responseStatuses.refused);
    else respond('generic_nack', number, responseStatuses.invalidCommand);
  }

  function handle(pdu: Pdu): void {
    if (isResponse(pdu.command)) settle(pdu);
    else if (pdu.command === 'deliver_sm' || pdu.command === 'data_sm') void receive(pdu);
    else if (pdu.command === 'enquire_link') writeEmpty('enquire_link_resp', pdu.sequence);
    else if (pdu.command === 'unbind') {
      writeEmpty('unbind_resp', pdu.sequence);
      end('The carrier ended the bind.');
      // An `outbind` asks for a bind, which is there already, and an alert says that a phone is on: neither has a response.
    } else if (pdu.command !== 'outbind' && pdu.command !== 'alert_notification') {
      respond(toResponse(pdu.command) ?? 'generic_nack', pdu.sequence, responseStatuses.invalidBind);
    }
  }

  function writeEmpty(command: 'enquire_link_resp' | 'unbind_resp', number: number): void {
    write({ command, status: 0, sequence: number, fields: {}, tlvs: [] });
  }

  async function receive(pdu: Pdu): Promise<void> {
    handledCount += 1;
    if (handledCount >= maxHandled) socket.pause();
    try {
      const status = await deps.receive(pdu);
      respond(toResponse(pdu.command) as Command, pdu.sequence, status);
    } finally {
      handledCount -= 1;
      if (handledCount < maxHandled && isOpen) socket.resume();
    }
  }

  function watchSilence(): void {
    clock.clearTimeout(idleTimer);
    if (!isOpen) return;
    idleTimer = clock.setTimeout(async () => {
      const reply = await request({ command: 'enquire_link', fields: {} });
      if (reply.kind === 'lost') end('The carrier gave no sign of life.');
    }, deps.enquireLinkMs);
  }

  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    watchSilence();
    for (const read of reader.push(chunk)) {
      if (!isOpen) return;
      if ('problem' in read) handleProblem(read);
      else handle(read);
    }
  });
  socket.on('error', (error) => end(`The connection broke: ${(error as NodeJS.ErrnoException).code ?? 'error'}.`));
  socket.on('end', () => end('The carrier closed the connection.'));
  socket.on('close', () => end('The connection was closed.'));
  watchSilence();

  function drain(ms: number): Promise<void> {
    if (pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, ms);
      whenIdle.push(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  return {
    request,
    ended: ended.promise,
    isOpen: () => isOpen,
    countPending: () => pending.size,
    drain,
    async unbind(ms) {
      if (!isOpen) return;
      const timer = clock.setTimeout(() => end('The bind was ended.'), ms);
      await request({ command: 'unbind', fields: {} });
      clock.clearTimeout(timer);
      end('The bind was ended.');
    },
    destroy: end,
  };
}
