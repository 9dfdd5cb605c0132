import { startVendor, type VendorRequest, type VendorResponse } from '../support/vendor.ts';
import { sleep } from './crm.ts';
import { type Mishap, type Plan, type PlannedMessage, toReplyId } from './plan.ts';
import { createRandom } from './random.ts';
import type { Poster } from './webhooks.ts';

/** The vendor of a run. */
export interface Gateway {
  /** Type and config of every location's connection. */
  readonly connection: { readonly type: string; readonly config: Record<string, unknown> };
  /** It can't be asked for a message whose response was lost: a person decides on each. */
  readonly hasNoLookUp?: true;
  /** Returns those of one location, where each has its own. */
  createConnection?(locationId: string): Gateway['connection'];
  /** Messages in the order in which they reached their contacts. */
  readonly accepted: ReadonlyMap<string, AcceptedMessage>;
  /** Replies of each contact, in order. */
  readonly replies: ReadonlyMap<string, readonly string[]>;
  readonly requests: VendorRequest[];
  readonly invalidSignatures: readonly VendorRequest[];
  /** Contacts that have opted out, by their phone: after which message, and when the program acknowledged it. */
  readonly optOuts?: ReadonlyMap<string, { number: number; at: number }>;
  /** Requests of the program, with the time of each. */
  readonly arrivals?: readonly { number: number; to: string; at: number }[];
  /** Sets the address of the program's webhooks for a location. @param phones of its contacts @param sender the connection's, where a location has several */
  setWebhookUrl(locationId: string, url: string, phones: readonly string[], sender?: string): void;
  countUndelivered(): number;
  countMishaps(): number;
  flap(isOn: boolean): void;
  close(): Promise<void>;
}

/** Where a vendor listens, by default on this machine alone, and how slow it is. */
export interface VendorPlace {
  address?: string;
  /** Delay of every response, beside those of the plan. */
  responseDelayMs?: number;
}

/** A message that has reached its contact. */
export interface AcceptedMessage {
  id: string;
  number: number;
  to: string;
  /** The sender, where a connection names one. */
  from?: string | null;
}

const retryDelayMs = [150, 600] as const;

/** Starts a vendor that drops repeats, fails as planned, and posts the receipts of each message until they are acknowledged. */
export async function startGateway(
  plan: Plan,
  poster: Poster,
  elapsed: () => number,
  { address }: VendorPlace = {},
): Promise<Gateway> {
  const random = createRandom(plan.seed + 2);
  const vendor = await startVendor(undefined, address);
  /** Messages in the order in which they reached their contacts. */
  const accepted = new Map<string, AcceptedMessage>();
  const requestCounts = new Map<string, number>();
  /** Replies of each contact, in order. */
  const replies = new Map<string, string[]>();
  const lastReply = new Map<string, Promise<void>>();
  const webhookUrls = new Map<string, string>();
  const undelivered = new Set<Promise<void>>();
  const optOuts = new Map<string, { number: number; at: number }>();
  const arrivals: { number: number; to: string; at: number }[] = [];
  let isFlapping = false;
  let mishapCount = 0;
  let isClosed = false;

  vendor.respondWith(async (request) => {
    const { id, text, to } = request.body;
    const number = Number(text?.split(' ')[1]);
    const from = toSender(request);
    arrivals.push({ number, to, at: Date.now() });
    const planned = plan.list[number] as PlannedMessage;
    const tries = requestCounts.get(id) ?? 0;
    requestCounts.set(id, tries + 1);
    const mishap = pickMishap(planned, tries);
    if (mishap) mishapCount += 1;
    switch (mishap) {
      case 'cut':
      case 'hang':
        return mishap;
      case 429:
        return { status: 429, headers: { 'retry-after': '1' }, body: { error: { code: 'slow', message: 'Slow down.' } } };
      case 500:
      case 503:
        return { status: mishap, body: 'Service unavailable' };
    }
    if (planned.responseDelayMs > 0) await sleep(planned.responseDelayMs);
    if (planned.fate === 'rejected') return { status: 422, body: { error: { code: '21610', message: 'Opted out.' } } };
    const isNew = !accepted.has(id);
    if (isNew) {
      accepted.set(id, { id, number, to, from });
      track(reachContact(request, planned));
    }
    if (isNew && planned.receipts.beforeResponse && planned.responseDelayMs > 0) await sleep(planned.responseDelayMs);
    if (mishap === 'accept_then_cut') return 'cut';
    if (mishap === 'accept_then_hang') return 'hang';
    return createResponse(planned, id);
  });

  function pickMishap(planned: PlannedMessage, tries: number): Mishap | undefined {
    const now = elapsed();
    const isDown = plan.gatewayDown.some(({ from, to }) => now >= from && now < to);
    if (!isFlapping || tries >= plan.maxMishaps) return undefined;
    return isDown ? random.pick(['cut', 503, 503, 429] as const) : planned.mishaps[tries];
  }

  /** Posts the reply and the receipts of a message that has reached its contact. */
  async function reachContact(request: VendorRequest, planned: PlannedMessage): Promise<void> {
    const { body } = request;
    const account = toAccount(String(body.locationId), toSender(request));
    track(replyInTurn(account, request, planned));
    const { receipts, responseDelayMs, fate } = planned;
    if (!receipts.beforeResponse) await sleep(responseDelayMs + 50);
    const ids = receipts.byId ? { id: body.id } : { externalId: toExternalId(body.id) };
    const statuses = listReceipts(planned);
    for (const status of statuses) {
      const error = status === 'failed' ? { error: { code: '30003', message: 'Unreachable handset.' } } : {};
      await postWebhook(account, 'status', { ...ids, status, ...error });
      if (receipts.isRepeated) track(postWebhook(account, 'status', { ...ids, status, ...error }));
      // A failure is taken back after a delay.
      if (fate === 'failed_then_delivered') await sleep(random.between(0, 1_500));
    }
  }

  /** Posts the replies of a contact one after the other. */
  function replyInTurn(account: string, request: VendorRequest, planned: PlannedMessage): Promise<void> {
    const { to: from } = request.body;
    const to = toSender(request);
    const turn = (lastReply.get(from) ?? Promise.resolve()).then(async () => {
      const externalId = toReplyId(planned.number);
      const text = planned.isLast ? 'STOP' : `reply ${planned.number}`;
      const content = { externalId, from, text, ...(to === null ? {} : { to }) };
      await postWebhook(account, 'inbound', content);
      if (planned.isLast) optOuts.set(from, { number: planned.number, at: Date.now() });
      replies.set(from, [...(replies.get(from) ?? []), externalId]);
      if (planned.isReplyRepeated) track(postWebhook(account, 'inbound', content));
    });
    lastReply.set(from, turn);
    return turn;
  }

  /** Posts until the program acknowledges. */
  async function postWebhook(account: string, event: string, content: unknown): Promise<void> {
    while (!isClosed) {
      const { body, headers } = vendor.signWebhook(content);
      const url = `${webhookUrls.get(account)}/${event}`;
      const status = await poster.http.post(url, body, { headers }).then(
        (response) => response.status,
        () => 0,
      );
      if (status >= 200 && status < 300) return;
      await sleep(random.between(...retryDelayMs));
    }
  }

  function track(work: Promise<void>): void {
    undelivered.add(work);
    void work.finally(() => undelivered.delete(work));
  }

  return {
    connection: { type: 'gateway', config: { url: vendor.url, secret: vendor.secret, timeoutMs: 2_000 } },
    accepted,
    replies,
    requests: vendor.requests,
    optOuts,
    arrivals,
    invalidSignatures: vendor.wrongSignatures,
    /** Sets the address of the program's webhooks for a location. */
    setWebhookUrl: (locationId, url, _phones, sender) => void webhookUrls.set(toAccount(locationId, sender), url),
    countUndelivered: () => undelivered.size,
    countMishaps: () => mishapCount,
    flap(isOn) {
      isFlapping = isOn;
    },
    close() {
      isClosed = true;
      return vendor.close();
    },
  };
}

function toSender({ body }: VendorRequest): string | null {
  return typeof body.from === 'string' ? body.from : null;
}

/** Returns the key of a connection: one sender of a location. */
function toAccount(locationId: string, sender: string | null | undefined): string {
  return `${locationId} ${sender ?? ''}`;
}

/** Returns the vendor's id of a message. */
export function toExternalId(id: string): string {
  return `ext-${id}`;
}

function createResponse({ fate }: PlannedMessage, id: string): VendorResponse {
  const status = fate.startsWith('delivered_at_once') ? 'delivered' : 'accepted';
  return { body: { externalId: toExternalId(id), status } };
}

function listReceipts({ fate, receipts }: PlannedMessage): ('delivered' | 'read' | 'failed')[] {
  switch (fate) {
    case 'delivered_at_once':
    case 'rejected':
      return [];
    case 'delivered_at_once_then_read':
      return ['read'];
    case 'delivered':
      return ['delivered'];
    case 'delivered_then_read':
      return receipts.readFirst ? ['read', 'delivered'] : ['delivered', 'read'];
    case 'failed':
      return ['failed'];
    case 'failed_then_delivered':
      return ['failed', 'delivered'];
  }
}
