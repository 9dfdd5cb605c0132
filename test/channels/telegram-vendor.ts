import { createHash, randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { createTelegramChannel } from '../../src/channels/telegram/telegram.ts';
import { deriveWebhookSecret } from '../../src/channels/telegram/webhook-secret.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { toMembershipUpdate, toMessage } from '../../src/sandbox/vendors/telegram/updates.ts';
import { createTelegramVendor, type TelegramFault } from '../../src/sandbox/vendors/telegram.ts';
import { listen } from '../support/http.ts';
import { checkRequest, checkUpdate } from './telegram-description.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

const phone = '+12025550143';

function toThrottle(seconds: number): TelegramFault {
  const description = `Too Many Requests: retry after ${seconds}`;
  return { kind: 'error', status: 429, description, parameters: { retry_after: seconds } };
}

const faults: Partial<Record<string, TelegramFault>> = {
  reject: { kind: 'error', status: 403, description: 'Forbidden: user is deactivated' },
  opted_out: { kind: 'error', status: 403, description: 'Forbidden: bot was blocked by the user' },
  throttle: toThrottle(3),
  server_error: { kind: 'error', status: 500, description: 'Internal Server Error: restart' },
  hang: { kind: 'hang' },
  cut_after_request: { kind: 'cut_after_accepting' },
  wrong_credentials: { kind: 'revoked_token' },
};

/** Converts an id of the suite to a number of a message, as Telegram has them. */
function toMessageNumber(externalId: string): number {
  return createHash('sha256').update(externalId).digest().readUInt32BE();
}

/** Starts the simulated Telegram for the suite that every channel passes. */
export async function startTelegramVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  const violations: string[] = [];
  let requestCount = 0;
  const vendor = createTelegramVendor({
    clock: systemClock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }),
    onRequest(request) {
      if (request.method.startsWith('send')) requestCount += 1;
      violations.push(...checkRequest(request));
    },
  });
  // A request with a revoked token is refused before it is read.
  app.use((request, _response, next) => {
    if (/\/send\w+$/.test(request.path) && isRevoked) requestCount += 1;
    next();
  });
  app.use(vendor.router);
  let isRevoked = false;
  const { state } = vendor;
  const { token } = state.bot;
  const person = vendor.getPerson(phone);
  person.hasStarted = true;
  const contact = `telegram:${person.id}`;
  let updates = 0;

  function toRequest(webhookUrl: string, update: Record<string, unknown>): WebhookRequest {
    const body = { update_id: ++updates, ...update };
    violations.push(...checkUpdate(body));
    const id = webhookUrl.split('/').at(-1) ?? '';
    const headers = {
      'content-type': 'application/json',
      'x-telegram-bot-api-secret-token': deriveWebhookSecret(token, id),
    };
    return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body: Buffer.from(JSON.stringify(body)) };
  }

  return {
    name: 'telegram',
    channel: createTelegramChannel({ allowPrivateTargets: true }),
    config: { token, baseUrl: url },
    secrets: [token, token.split(':')[1] ?? token],
    wrongConfig: { token: `${state.bot.id}:${'A'.repeat(35)}`, baseUrl: url },
    has: {
      receipts: false,
      read: false,
      lookUp: false,
      attachments: true,
      optOuts: true,
      throttleTime: true,
      authenticatedMedia: true,
    },
    contact,
    toExternalId: (externalId) => `${state.bot.id}:${person.id}:${toMessageNumber(externalId)}`,
    openLink(webhookUrl, link) {
      const text = `/start ${new URL(link).searchParams.get('start')}`;
      return toRequest(webhookUrl, { message: toMessage(person, { id: 1, at: systemClock.now() }, { text }) });
    },
    behave(next: VendorBehaviour) {
      isRevoked = next === 'wrong_credentials';
      vendor.setFault((typeof next === 'string' ? faults[next] : toThrottle(next.throttleMs / 1000)) ?? null);
    },
    listSends: () =>
      vendor
        .listMessages()
        .filter(({ direction }) => direction === 'outbound')
        .map(({ id, chatId, text, fileId }) => ({
          externalId: `${state.bot.id}:${chatId}:${id}`,
          to: `telegram:${chatId}`,
          text,
          attachments: fileId ? [state.files[fileId]?.name ?? ''] : [],
        })),
    countRequests: () => requestCount,
    violations,
    receipt() {
      throw new Error('Telegram has no receipts.');
    },
    inbound(webhookUrl, { externalId, from, text, picture }) {
      const other = state.people.find(({ id }) => `telegram:${id}` === from) ?? vendor.getPerson(from);
      const fileId = picture && vendor.storeFile(picture.data, 'picture');
      const photo = fileId && [{ file_id: fileId, file_unique_id: 'u', width: 1, height: 1 }];
      const content = { ...(text === '' ? {} : { [photo ? 'caption' : 'text']: text }), ...(photo ? { photo } : {}) };
      const frame = { id: toMessageNumber(externalId), at: systemClock.now() };
      return toRequest(webhookUrl, { message: toMessage(other, frame, content) });
    },
    optOut: (webhookUrl, _from, optedOut) =>
      // Telegram's times are whole seconds: those of two acts in one second are equal.
      toRequest(webhookUrl, toMembershipUpdate(state, person, optedOut, systemClock.now() + updates * 1_000)),
    forge: (request) => ({ ...request, headers: { ...request.headers, 'x-telegram-bot-api-secret-token': 'forged' } }),
    close() {
      vendor.close();
      return close();
    },
  };
}
