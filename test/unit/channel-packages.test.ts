import * as z from 'zod';
import type { ChannelSetup } from '../../src/channels/channel.ts';
import { loadChannelPackages } from '../../src/channels/packages.ts';
import { createChannels, listOwnTypes } from '../../src/channels/registry.ts';
import { createChannelTools } from '../../src/channels/tools.ts';
import { isAppError } from '../../src/core/errors.ts';
import wireChannel from '../support/wire-channel.ts';

const tools = createChannelTools(true);
const load = (modules: Record<string, unknown>, names = Object.keys(modules)) =>
  loadChannelPackages({ tools, importModule: async (name) => modules[name] }, names, listOwnTypes());

test.each<[string, object]>([
  ['a channel as default', { default: wireChannel }],
  ['a channel by its name', { channel: wireChannel }],
  ['a function that creates one', { default: (given: unknown) => given === tools && wireChannel }],
  ['a function that creates one later', { channel: async () => wireChannel }],
])('a package may export %s', async (_, module) => {
  const packaged = await load({ wire: module });
  expect(packaged.map(({ type }) => type)).toEqual(['wire']);
  const channels = createChannels({ allowPrivateTargets: true, packaged });
  expect(channels.get('wire')).toBe(wireChannel);
  expect(channels.has('gateway')).toBe(true);
});

test('a package may have every member of a setup', async () => {
  const setup: Required<ChannelSetup<object>> = {
    verify: async () => ({ kind: 'verified', account: 'Wire' }),
    registerWebhooks: async () => ({ kind: 'registered' }),
    unregisterWebhooks: async () => {},
    getPairing: ({ signIn }) => signIn.getPairing(),
    getSignIn: () => null,
    listSenders: async () => [],
    listTemplates: async () => [],
  };
  await expect(load({ wire: changed({ setup }) })).resolves.toMatchObject([{ setup }]);
});

const changed = (changes: object) => ({ default: { ...wireChannel, ...changes } });
const { send: _, ...mute } = wireChannel;

test.each<[string, object, string]>([
  ['no export', {}, 'a: exports no channel, neither as default nor as channel'],
  ['another value', { default: 7 }, 'a: exports no channel'],
  ['a channel without send', { default: mute }, 'a: send must be a function'],
  ['a misspelt member', changed({ webhook: {} }), 'webhook'],
  ['a type in capitals', changed({ type: 'Wire' }), 'a: type must be'],
  ['our type', changed({ type: 'gateway' }), 'a: the type "gateway" is taken by Patchbay'],
  ['the type of the sandbox', changed({ type: 'sandbox' }), 'a: the type "sandbox" is taken by Patchbay'],
  [
    'a schema of another library',
    changed({ configSchema: { parse() {} } }),
    'a: configSchema must be an object schema of zod 4',
  ],
  [
    'a field of every connection',
    changed({ configSchema: z.object({ sender: z.string() }) }),
    'must not have a field of every',
  ],
  [
    'a missing capability',
    changed({ capabilities: { ...wireChannel.capabilities, receipts: undefined } }),
    'capabilities.receipts',
  ],
  ['a session without a way to open it', changed({ session: { carriesSends: true } }), 'a: session.open must be a function'],
])('a package with %s is a problem', async (_name, module, problem) => {
  await expect(load({ a: module })).rejects.toMatchObject({ problems: [expect.stringContaining(problem)] });
});

test('all problems of all packages are listed, with the packages that are missing', async () => {
  const importModule = async (name: string) => {
    if (name === 'missing')
      throw Object.assign(new Error("Cannot find package 'missing' imported from x"), { code: 'ERR_MODULE_NOT_FOUND' });
    if (name === 'broken') throw new Error('unexpected token');
    return { default: wireChannel };
  };
  await expect(loadChannelPackages({ tools, importModule }, ['one', 'missing', 'broken', 'two'], [])).rejects.toMatchObject({
    message: 'CHANNEL_PACKAGES has 3 problems:',
    problems: [
      'missing: is not installed in Patchbay’s folder (npm install missing)',
      'broken: could not be loaded: unexpected token',
      'two: the type "wire" is taken by one',
    ],
  });
});

test('an error that a package creates for a webhook has the status of its code', () => {
  const error = tools.createWebhookError('payload_invalid', 'no', ['one']);
  expect(isAppError(error, 'payload_invalid') && [error.status, error.details]).toEqual([400, ['one']]);
});
