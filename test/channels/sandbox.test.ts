import { createSandboxChannel } from '../../src/channels/sandbox/sandbox.ts';
import { testChannelContract } from './contract.ts';

testChannelContract({
  name: 'sandbox',
  // The channel adds `/messages`; what answers here does not mind a query.
  create: ({ url, secret }) => ({ channel: createSandboxChannel({ url: `${url}?`, secret }), config: {} }),
});
