import { createSandboxChannel } from '../../src/channels/sandbox/sandbox.ts';
import { keepsTheContract } from './contract.ts';

keepsTheContract({
  name: 'sandbox',
  // The channel adds `/messages`; what answers here does not mind a query.
  open: ({ url, secret }) => ({ channel: createSandboxChannel({ url: `${url}?`, secret }), config: {} }),
});
