import { createSandboxChannel } from '../../src/channels/sandbox/sandbox.ts';
import { testChannelContract } from './contract.ts';

testChannelContract({
  name: 'sandbox',
  // The channel adds `/messages`; this server ignores a query.
  create: ({ url, secret }) => ({ channel: createSandboxChannel({ url: `${url}?`, secret }), config: {} }),
});
