import { randomBytes } from 'node:crypto';
import express from 'express';
import { systemClock } from '../../src/core/clock.ts';
import { allScopes } from '../../src/highlevel/operations.ts';
import { createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import { listen } from '../support/http.ts';
import { type Plan, type PlannedMessage, toReplyIdOfText } from './plan.ts';
import { createRandom } from './random.ts';
import type { Poster } from './webhooks.ts';

export type Crm = Awaited<ReturnType<typeof startCrm>>;

/** One post of a contact's reply into a conversation, as HighLevel saw it. */
export interface ObservedPost {
  altId: string;
  /** The process that made it: each calls HighLevel at an address of its own. */
  processIndex: number;
  startedAt: number;
  endedAt: number;
  /** True when the whole response left HighLevel. */
  hasResponse: boolean;
}

/** One request that starts a workflow, as HighLevel saw it. */
export interface ObservedFiring {
  eventId: string;
  startedAt: number;
  endedAt: number;
  /** Its response: 0 where it did not leave whole. */
  status: number;
}

export const workflowSecret = 'workflow-secret-of-the-fault-runs';

/** HighLevel's tries for a message that gets no 2xx, with a growing delay; here within half a minute. */
const maxTries = 12;
const retryDelayMs = [200, 900] as const;
const maxDelayFactor = 6;
const faultRate = 0.04;

/** Starts the simulated HighLevel, with its limits and its faults, and the users who send from it. */
export async function startCrm(
  plan: Plan,
  poster: Poster,
  { baseUrl, processes, address }: { baseUrl: string; processes: number; address?: string },
  elapsed: () => number,
) {
  const random = createRandom(plan.seed + 1);
  const platforms = await Promise.all(Array.from({ length: processes }, () => listen(undefined, address)));
  const app = {
    clientId: 'app-faults',
    clientSecret: 'secret',
    baseUrl,
    redirectUri: `${baseUrl}/oauth/callback`,
    providers: [{ key: 'sms', id: 'p1', kind: 'sms' as const }],
    scopes: allScopes,
    workflowSecret,
    getApiUrl: () => platforms[0]?.url ?? '',
  };
  const behaviour = { statusDelayMs: 500 };
  const highlevel = createSimulator({ clock: systemClock, random: randomBytes, http: poster.http, app, behaviour });
  const { id: companyId } = highlevel.addCompany();
  const locations = Array.from({ length: plan.locations }, () => highlevel.addLocation({ companyId }));
  const contacts = Array.from({ length: plan.contacts }, (_, index) =>
    highlevel.addContact(locations[index % locations.length]?.id ?? '', { phone: `+1202${5_550_000 + index}` }),
  );

  const posts: ObservedPost[] = [];
  const firings: ObservedFiring[] = [];
  for (const [processIndex, { server }] of platforms.entries()) {
    const watched = express();
    watched.use('/conversations/messages/inbound', (request, response, next) => {
      const startedAt = Date.now();
      response.once('close', () => {
        const body = request.body as { altId?: string; message?: string } | undefined;
        // A carrier with SMPP gives replies no id: their text counts.
        const altId = toReplyIdOfText(body?.message) ?? String(body?.altId);
        posts.push({ altId, processIndex, startedAt, endedAt: Date.now(), hasResponse: response.writableFinished });
      });
      next();
    });
    watched.use('/workflows-marketplace/triggers/execute', (request, response, next) => {
      const startedAt = Date.now();
      response.once('close', () => {
        const { eventId } = (request.body ?? {}) as { eventId?: string };
        const status = response.writableFinished ? response.statusCode : 0;
        firings.push({ eventId: String(eventId), startedAt, endedAt: Date.now(), status });
      });
      next();
    });
    // An idle connection that it closes just as a request comes would be a lost response that no fault explains.
    server.keepAliveTimeout = 10 * 60_000;
    server.on('request', watched.use(highlevel.router));
  }

  /** By contact, in the order of their acknowledgements. */
  const acknowledged = new Map<number, number[]>(contacts.map((_, index) => [index, []]));
  const ids = new Map<number, string>();
  let abandoned = 0;
  let repeated = 0;

  /** Posts until it is acknowledged, as HighLevel does; the next message of this contact waits for it. */
  async function send(message: PlannedMessage): Promise<void> {
    const messageId = randomBytes(10).toString('hex');
    ids.set(message.number, messageId);
    const override = message.via === undefined ? '' : `#${message.via + 1} `;
    const content = { contactId: contacts[message.contact]?.id ?? '', text: `${override}message ${message.number}`, messageId };
    // A user clears the do-not-disturb of a contact who wrote STOP: it is for the app to hold what the contact said.
    while (highlevel.findDndRefusal(content.contactId) !== null) {
      await highlevel.setDnd(content.contactId, { dnd: false, dndSettings: { SMS: { status: 'inactive' } } });
    }
    let status = (await highlevel.sendMessage(locations[message.contact % locations.length]?.id ?? '', content)).httpStatus;
    for (let tries = 1; tries < maxTries && !isSuccess(status); tries++) {
      await sleep(Math.min(tries, maxDelayFactor) * random.between(...retryDelayMs));
      repeated += 1;
      status = await highlevel.repost(messageId);
    }
    if (isSuccess(status)) acknowledged.get(message.contact)?.push(message.number);
    else abandoned += 1;
  }

  return {
    highlevel,
    urls: platforms.map(({ url }) => url),
    app,
    contacts,
    locations,
    hasRouting: plan.hasRouting === true,
    posts,
    firings,
    ids,
    acknowledged,
    approveInstall: () =>
      highlevel.approveCompanyInstall(
        companyId,
        locations.map(({ id }) => id),
      ),
    counts: () => ({ abandoned, repeated }),

    async sendAll(): Promise<void> {
      const byContact = Map.groupBy(plan.list, ({ contact }) => contact);
      await Promise.all(
        [...byContact.values()].map(async (messages) => {
          for (const message of messages.toSorted((a, b) => a.at - b.at)) {
            await sleep(message.at - elapsed());
            await send(message);
          }
        }),
      );
    },

    /** Makes HighLevel fail one call in 25 from now on, and every call while it is down. */
    startFaults(): void {
      highlevel.faults.decide(() => {
        const now = elapsed();
        if (plan.highlevelDown.some(({ from, to }) => now >= from && now < to)) return { status: random.pick([500, 503]) };
        if (!random.isHit(faultRate)) return null;
        return random.pick([
          { status: 500 },
          { status: 503 },
          { status: 502, body: '<html>Bad gateway</html>' },
          { status: 429, headers: { 'retry-after': '1' } },
          { cut: 'before_handling' as const },
          { cut: 'after_handling' as const },
          { hang: random.pick([true as const, 'after_handling' as const]) },
        ]);
      });
    },
    expireTokens: () => highlevel.expireTokens(),
    stopFaults: () => highlevel.faults.clear(),
    close: async () => void (await Promise.all(platforms.map(({ close }) => close()))),
  };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, Math.max(ms, 0)));
}
