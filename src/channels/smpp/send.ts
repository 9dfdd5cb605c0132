import { type Clock, createDeadline, type Timer } from '../../core/clock.ts';
import { formatCount } from '../../core/format-count.ts';
import { type Pdu, readText } from '../../core/smpp/pdu.ts';
import { toSmsText } from '../../core/sms/sms-message.ts';
import { countSegments } from '../../core/sms/split-text.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { sendTimeoutMs } from '../session.ts';
import { chooseSender } from './addresses.ts';
import type { SmppConfig } from './config.ts';
import type { Link, Reply, Request } from './link.ts';
import type { ReceiptReader, SubmitTag } from './receive-receipt.ts';
import type { StateStore } from './state.ts';
import { describeStatus, toFailure } from './statuses.ts';
import { planSubmits, toSmsOptions } from './submit.ts';

export interface SenderDeps {
  clock: Clock;
  config: SmppConfig & { ratePerSecond?: number | undefined };
  /** Links that carry messages. */
  links: readonly Link[];
  receipts: Pick<ReceiptReader, 'remember'>;
  store: StateStore;
  /** Account of the connection, with which a refusal of its config is recorded. */
  account: string;
  notice(message: string): void;
}

/** Sends of a session. */
export interface Sender {
  send(message: OutboundMessage): Promise<SendOutcome>;
  /** Sends nothing more. Messages that wait for the window were not sent. */
  stop(): void;
}

/** A message waits so long for a place in the window; then it was not sent. */
const windowWaitMs = 5_000;
const minThrottledDelayMs = 1_000;
const maxThrottledDelayMs = 30_000;
const closedRetryMs = 1_000;

type Failure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

/** Creates the sender. Parts of a message follow one another, so that what was sent of it is known. */
export function createSender(deps: SenderDeps): Sender {
  const { clock, config, links, receipts, store, account, notice } = deps;
  const window = createWindow(clock, links, config);
  /** Longest time of a part: the wait for its place, and for its response. */
  const partTimeoutMs = windowWaitMs + config.responseTimeoutSeconds * 1_000;
  let throttledCount = 0;
  let pausedUntil = 0;
  let isStopped = false;

  function createUnsent(
    code: string,
    message: string,
    acceptedParts: readonly string[],
    rest: { retryAfterMs?: number; isConnectionWide?: boolean } = {},
  ): Failure {
    const parts = acceptedParts.length > 0 ? { acceptedParts } : {};
    return { kind: 'unavailable', code, message, retryAfterMs: closedRetryMs, ...rest, ...parts };
  }

  /** Sends one part. @returns its id, empty where the carrier gives none; or why the message ends here */
  async function sendPart(request: Request, accepted: readonly string[], isOwnSender: boolean): Promise<string | Failure> {
    const pauseMs = pausedUntil - clock.now();
    if (pauseMs > 0)
      return createUnsent('throttled', 'The carrier limits the rate of messages.', accepted, {
        retryAfterMs: pauseMs,
        isConnectionWide: true,
      });
    const place = isStopped ? null : await window.enter();
    if (!place || isStopped) {
      place?.leave();
      const isFull = !isStopped && links.some((link) => link.isOpen());
      return isFull
        ? createUnsent('window_full', 'The carrier’s responses are slow: the window of the bind is full.', accepted, {
            isConnectionWide: true,
          })
        : createUnsent('session_closed', 'The bind with the carrier is closed.', accepted);
    }
    return readReply(await requestIn(place, request), accepted, isOwnSender);
  }

  async function readReply(reply: Reply, accepted: readonly string[], isOwnSender: boolean): Promise<string | Failure> {
    const parts = accepted.length > 0 ? { acceptedParts: accepted } : {};
    if (reply.kind === 'unwritable') return { kind: 'rejected', code: 'unwritable', message: reply.message };
    if (reply.kind === 'unsent') return createUnsent('session_closed', reply.message, accepted);
    if (reply.kind === 'lost') return { kind: 'unknown', code: 'no_response', message: reply.message, ...parts };
    const { status, command } = reply.pdu;
    if (status === 0 && command !== 'generic_nack') {
      throttledCount = 0;
      return readText(reply.pdu, 'messageId') ?? '';
    }
    if (status === 0)
      return { kind: 'unknown', code: 'no_response', message: 'The carrier could not read the message.', ...parts };
    const delayMs = Math.min(minThrottledDelayMs * 2 ** Math.min(throttledCount, 10), maxThrottledDelayMs);
    if (describeStatus(status).class === 'throttled') {
      throttledCount += clock.now() >= pausedUntil ? 1 : 0;
      pausedUntil = Math.max(pausedUntil, clock.now() + delayMs);
    }
    const failure = toFailure(status, delayMs, accepted, isOwnSender);
    if (failure.kind === 'connection_error') await recordRefusal(failure);
    return failure;
  }

  function noteId(response: Pdu, to: string): void {
    const id = readText(response, 'messageId');
    if (response.status === 0 && response.command === 'submit_sm_resp' && id) receipts.remember(id, to);
  }

  /** A check of the account would find no fault with it: a bind does not show what the carrier refuses in a message. */
  async function recordRefusal({ code, message }: { code: string; message: string }): Promise<void> {
    store.current.refusal = { as: account, at: clock.now(), code, message };
    store.current.bound = null;
    await store.save().catch(() => {});
  }

  return {
    async send(message) {
      const requests = planSubmits(config, message);
      if (!Array.isArray(requests)) return { kind: 'rejected', ...requests };
      const { isOwnSender } = chooseSender(config, message.from);
      const ids = message.acceptedParts.slice(0, requests.length);
      const startedAt = clock.elapsed();
      for (const request of requests.slice(ids.length)) {
        // A send that is cut off in a part is unknown as a whole, and its other parts would go out after that.
        if (clock.elapsed() - startedAt + partTimeoutMs >= sendTimeoutMs) {
          const count = `${ids.length} of ${formatCount(requests.length, 'part')}`;
          return createUnsent('parts_left', `The carrier’s responses are slow: ${count} were sent until now.`, ids);
        }
        const part = requests.length > 1 ? { index: ids.length, count: requests.length } : undefined;
        const tag: SubmitTag = { messageId: message.id, to: message.to, part };
        const noteResponse = (response: Pdu) => noteId(response, message.to);
        const sent = await sendPart({ ...request, tag, noteResponse }, ids, isOwnSender);
        if (typeof sent !== 'string') return describePartial(sent, ids.length, requests.length);
        if (sent === '') notice('the carrier accepted a message without an id: there will be no receipt');
        // An id of our own keeps the count of the parts.
        ids.push(sent === '' && requests.length > 1 ? `${message.id}-part-${ids.length + 1}` : sent);
      }
      const externalIds = ids.filter((id) => id !== '');
      return { kind: 'accepted', externalIds, response: `ESME_ROK\n${describeSegments(config, message)}` };
    },
    stop() {
      isStopped = true;
      window.close();
    },
  };
}

const encodingNames = { gsm: 'GSM 03.38', latin1: 'Latin-1', ascii: 'ASCII', ucs2: 'UCS-2' } as const;

/** Says how many segments a message has, for its page. */
function describeSegments(config: SmppConfig, message: OutboundMessage): string {
  const options = toSmsOptions(config);
  const { segmentCount, encoding, length, capacity } = countSegments(toSmsText(message, options), options);
  return `${formatCount(segmentCount, 'segment')}, ${length} of ${capacity} characters in ${encodingNames[encoding]}`;
}

/** Says how much of a message the contact may have received. */
function describePartial(failure: Failure, sentCount: number, partCount: number): Failure {
  if (failure.kind !== 'rejected' || sentCount === 0) return failure;
  return { ...failure, message: `${failure.message} Sent before: ${sentCount} of ${formatCount(partCount, 'part')}.` };
}

interface Place {
  readonly link: Link;
  leave(): void;
}

/** Makes a request and leaves its place in the window, also when the request throws: a place that is kept is lost for the session. */
async function requestIn({ link, leave }: Place, request: Request): Promise<Reply> {
  try {
    return await link.request(request);
  } finally {
    leave();
  }
}

/** Creates the window: so many messages of each link wait for a response, and as many a second start as the connection allows. */
function createWindow(
  clock: Clock,
  links: readonly Link[],
  { window: size, ratePerSecond }: Pick<SenderDeps['config'], 'window' | 'ratePerSecond'>,
) {
  const counts = new Map<Link, number>(links.map((link) => [link, 0]));
  const waiting: ((place: Place | null) => void)[] = [];
  const intervalMs = ratePerSecond ? 1_000 / ratePerSecond : 0;
  let nextAt = 0;
  let timer: Timer;
  let isClosed = false;

  function findFree(): Link | undefined {
    const free = links.filter((link) => link.isOpen() && (counts.get(link) ?? 0) < size);
    return free.toSorted((one, other) => (counts.get(one) ?? 0) - (counts.get(other) ?? 0))[0];
  }

  function take(link: Link): Place {
    counts.set(link, (counts.get(link) ?? 0) + 1);
    nextAt = Math.max(nextAt, clock.elapsed()) + intervalMs;
    return {
      link,
      leave() {
        counts.set(link, (counts.get(link) ?? 0) - 1);
        pump();
      },
    };
  }

  function pump(): void {
    clock.clearTimeout(timer);
    while (waiting.length > 0) {
      const link = isClosed ? undefined : findFree();
      const waitMs = nextAt - clock.elapsed();
      if (link && waitMs > 0) {
        timer = clock.setTimeout(pump, Math.ceil(waitMs));
        return;
      }
      if (!link && !isClosed && links.some((one) => one.isOpen())) return;
      waiting.shift()?.(link ? take(link) : null);
    }
  }

  return {
    /** @returns null when no place was free in time, or all links are closed */
    enter(): Promise<Place | null> {
      return new Promise((resolve) => {
        const deadline = createDeadline(clock, windowWaitMs);
        const settle = (place: Place | null) => {
          deadline.dispose();
          resolve(place);
        };
        deadline.signal.addEventListener('abort', () => {
          const index = waiting.indexOf(settle);
          if (index >= 0) waiting.splice(index, 1);
          settle(null);
        });
        waiting.push(settle);
        pump();
      });
    },
    close() {
      isClosed = true;
      pump();
    },
  };
}
