import type { ChannelContext } from '../../src/channels/channel.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { noSockets } from '../support/channel-context.ts';
import { png } from '../support/sample-files.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startTwilioVendor } from './twilio-vendor.ts';
import { message, webhookUrl } from './twilio-world.ts';
import type { VendorBehaviour } from './vendor-under-test.ts';

const http = createHttpClient({ timeoutMs: 500, allowPrivateTargets: true });

async function start() {
  const vendor = await startTwilioVendor();
  const { channel } = vendor;
  const createContext = (config: Record<string, unknown> = vendor.config): ChannelContext<object> => ({
    connection: { id: 'c', config: channel.configSchema.parse(config), webhookUrl },
    ...{ http, clock: createTestClock(), log: createLog('silent'), signal: new AbortController().signal },
    ...{ fetchBytes: () => Promise.reject(new Error('unused')), fetchFile: () => Promise.reject(new Error('unused')) },
    ...noSockets,
    state: { get: async () => null, set: async () => undefined },
  });
  return { vendor, channel, createContext, [Symbol.asyncDispose]: vendor.close };
}

test('the simulator behaves as the contract suite asks', async () => {
  await using world = await start();
  const behaviours: [VendorBehaviour, object][] = [
    ['accept', { kind: 'accepted' }],
    ['reject', { kind: 'rejected' }],
    ['opted_out', { kind: 'rejected', optedOut: 'all' }],
    ['throttle', { kind: 'unavailable' }],
    [{ throttleMs: 7_000 }, { kind: 'unavailable', retryAfterMs: 7_000 }],
    ['server_error', { kind: 'unknown' }],
    ['cut_after_request', { kind: 'unknown' }],
    ['wrong_credentials', { kind: 'connection_error' }],
  ];
  for (const [behaviour, outcome] of behaviours) {
    world.vendor.behave(behaviour);
    expect([behaviour, await world.channel.send(world.createContext(), message)]).toMatchObject([behaviour, outcome]);
  }
  world.vendor.behave('accept');
  const wrong = world.createContext(world.vendor.wrongConfig);
  expect(await world.channel.send(wrong, message)).toMatchObject({ kind: 'connection_error' });
  expect(world.vendor.countRequests()).toBe(behaviours.length + 1);
  expect(world.vendor.listSends()).toHaveLength(2);
  expect(world.vendor.violations).toEqual([]);
});

test('its webhooks are authentic until they are forged', async () => {
  await using world = await start();
  const { vendor } = world;
  await world.channel.send(world.createContext(), message);
  const [send] = vendor.listSends();
  if (!send) throw new Error('The simulator has accepted no message.');
  const receive = async (request: Parameters<typeof vendor.forge>[0]) =>
    (await world.channel.webhooks?.receive(world.createContext(), request))?.events;
  for (const state of ['delivered', 'read', 'failed'] as const) {
    const request = vendor.receipt(webhookUrl, send, message.id, state);
    expect(await receive(request)).toMatchObject([{ receipt: { messageId: message.id, externalId: send.externalId, state } }]);
    await expect(receive(vendor.forge(request))).rejects.toMatchObject({ code: 'signature_invalid' });
  }
  const picture = { data: png, contentType: 'image/png' };
  const inbound = vendor.inbound(webhookUrl, { externalId: 'SM1', from: message.to, text: 'hi', picture });
  expect(await receive(inbound)).toMatchObject([
    { inbound: { externalId: 'SM1', attachments: [{ contentType: 'image/png' }] } },
  ]);
  for (const optedOut of [true, false]) {
    const [event] = (await receive(vendor.optOut(webhookUrl, message.to, optedOut))) ?? [];
    expect(event).toMatchObject({ kind: 'opt_out', optOut: { address: message.to, optedOut } });
  }
});
