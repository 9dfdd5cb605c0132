import { randomBytes } from 'node:crypto';
import express, { type RequestHandler } from 'express';
import { systemClock } from '../../src/core/clock.ts';
import type { SimMessage } from '../../src/sandbox/vendors/twilio/state.ts';
import { createTwilio, type TwilioFault } from '../../src/sandbox/vendors/twilio.ts';
import { listen } from '../support/http.ts';
import { sleep } from './crm.ts';
import type { AcceptedMessage, Gateway, VendorPlace } from './gateway.ts';
import { type Fate, type Plan, type PlannedMessage, toReplyId } from './plan.ts';
import { createRandom } from './random.ts';
import type { Poster } from './webhooks.ts';

const retryDelayMs = [150, 600] as const;

/** Fates as an SMS can have them: a carrier reports no reading, and no delivery after a failure. */
const smsFates: Record<Fate, Fate> = {
  delivered_at_once: 'delivered',
  delivered_at_once_then_read: 'delivered',
  delivered: 'delivered',
  delivered_then_read: 'delivered',
  rejected: 'rejected',
  failed: 'failed',
  failed_then_delivered: 'failed',
};

/** Converts a plan for a vendor that drops no repeats and has fewer fates. */
export function toSmsPlan(plan: Plan): Plan {
  return { ...plan, list: plan.list.map((message) => ({ ...message, fate: smsFates[message.fate] })) };
}

const faults: Record<string, TwilioFault> = {
  cut: { kind: 'drop' },
  hang: { kind: 'hang' },
  accept_then_cut: { kind: 'cut' },
  accept_then_hang: { kind: 'hang_after_accepting' },
  429: { kind: 'error', status: 429, code: 20429 },
  500: { kind: 'error_after_accepting' },
  503: { kind: 'error', status: 503, code: 20503 },
};

/** The same for a message that Twilio refuses, and so never accepts. */
const faultsBeforeAccepting: typeof faults = {
  ...faults,
  accept_then_cut: { kind: 'drop' },
  accept_then_hang: { kind: 'hang' },
  500: { kind: 'error', status: 500, code: 20500 },
};

/**
 * Starts the simulated Twilio as the vendor of a run: it drops no repeats, breaks as planned, also after it has accepted a message, and posts
 * its webhooks until they are acknowledged.
 */
export async function startTwilioVendor(
  plan: Plan,
  poster: Poster,
  elapsed: () => number,
  { address, responseDelayMs = 0 }: VendorPlace = {},
): Promise<Gateway> {
  const random = createRandom(plan.seed + 2);
  const accepted = new Map<string, AcceptedMessage>();
  const requests: Gateway['requests'] = [];
  const tries = new Map<number, number>();
  const replies = new Map<string, string[]>();
  const lastReply = new Map<string, Promise<void>>();
  const webhookUrls = new Map<string, string>();
  const undelivered = new Set<Promise<unknown>>();
  let isFlapping = false;
  let mishapCount = 0;
  let isClosed = false;
  const server = await listen(undefined, address);
  // An idle connection that it closes just as a request comes would be a lost response that no fault explains.
  server.server.keepAliveTimeout = 10 * 60_000;
  const twilio = createTwilio({
    clock: systemClock,
    random: randomBytes,
    // Posts until the program acknowledges: a run does not wait for the hour after which lost receipts are looked up.
    http: { post: (url: string, body: string, config: object) => track(postUntilAcknowledged(url, body, config)) } as never,
    url: () => server.url,
    pickFault,
    onMessage: (message) => void track(reachContact(message)),
  });
  server.server.on('request', express().use(delayResponses(responseDelayMs), twilio.router));

  function pickFault(form: URLSearchParams): TwilioFault | null {
    const planned = toPlanned(form.get('Body'));
    const count = tries.get(planned.number) ?? 0;
    tries.set(planned.number, count + 1);
    requests.push({ headers: {}, body: {} as never });
    const isDown = plan.gatewayDown.some(({ from, to }) => elapsed() >= from && elapsed() < to);
    const canFail = isFlapping && count < plan.maxMishaps;
    const mishap = canFail ? (isDown ? random.pick(['cut', 503, 429] as const) : planned.mishaps[count]) : undefined;
    if (mishap !== undefined) mishapCount += 1;
    const isRejected = planned.fate === 'rejected';
    if (mishap !== undefined) return (isRejected ? faultsBeforeAccepting : faults)[mishap] ?? null;
    return isRejected ? { kind: 'error', status: 400, code: 21614, message: 'Not a mobile number.' } : null;
  }

  async function reachContact({ sid, to, body }: SimMessage): Promise<void> {
    const planned = toPlanned(body);
    accepted.set(sid, { id: sid, number: planned.number, to });
    void track(replyInTurn(to, planned));
    await sleep(planned.receipts.beforeResponse ? 0 : planned.responseDelayMs + 50);
    if (planned.fate === 'failed') twilio.fail(sid, 30003);
    else twilio.deliver(sid);
  }

  function replyInTurn(from: string, planned: PlannedMessage): Promise<void> {
    const turn = (lastReply.get(from) ?? Promise.resolve()).then(async () => {
      const sid = toReplyId(planned.number);
      const url = `${webhookUrls.get(from)}/inbound`;
      const sent = twilio.signInbound(url, {
        sid,
        from,
        to: twilio.state.numbers[0]?.phoneNumber ?? '',
        text: `reply ${planned.number}`,
      });
      await postUntilAcknowledged(sent.url, sent.body, { headers: sent.headers });
      replies.set(from, [...(replies.get(from) ?? []), sid]);
      if (planned.isReplyRepeated) void track(postUntilAcknowledged(sent.url, sent.body, { headers: sent.headers }));
    });
    lastReply.set(from, turn);
    return turn;
  }

  async function postUntilAcknowledged(url: string, body: string, config: object) {
    for (;;) {
      const response = await poster.http.post(url, body, config).catch(() => null);
      if (isClosed || (response && response.status >= 200 && response.status < 300))
        return response ?? { status: 0, headers: {}, data: '' };
      await sleep(random.between(...retryDelayMs));
    }
  }

  function toPlanned(body: string | null): PlannedMessage {
    return plan.list[Number(body?.split(' ')[1])] as PlannedMessage;
  }

  function track<T>(work: Promise<T>): Promise<T> {
    undelivered.add(work);
    void work.finally(() => undelivered.delete(work));
    return work;
  }

  const { account, numbers } = twilio.state;
  return {
    connection: {
      type: 'twilio',
      config: {
        ...{ accountSid: account.sid, authToken: account.authToken, from: numbers[0]?.phoneNumber, baseUrl: server.url },
        whenUnknown: 'ask',
      },
    },
    accepted,
    replies,
    requests,
    invalidSignatures: [],
    setWebhookUrl(_locationId, url, phones) {
      for (const phone of phones) webhookUrls.set(phone, url);
    },
    countUndelivered: () => undelivered.size,
    countMishaps: () => mishapCount,
    flap(isOn) {
      isFlapping = isOn;
    },
    async close() {
      isClosed = true;
      await server.close();
    },
  };
}

/** Delays each response, after the request has been handled. */
function delayResponses(ms: number): RequestHandler {
  return (_request, response, next) => {
    const end = response.end.bind(response) as unknown as (...args: unknown[]) => void;
    if (ms > 0)
      response.end = ((...args: unknown[]) => void setTimeout(() => end(...args), ms)) as unknown as typeof response.end;
    next();
  };
}
