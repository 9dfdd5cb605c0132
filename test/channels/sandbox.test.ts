import { createSandboxChannel } from '../../src/channels/sandbox/sandbox.ts';
import { testChannelContract } from './contract.ts';
import { testGatewayProtocol } from './gateway-protocol.ts';
import { type GatewayChannel, startGatewayVendor } from './gateway-vendor.ts';

const sandbox: GatewayChannel = {
  name: 'sandbox',
  // The channel adds `/messages`; this server ignores a query.
  create: ({ url, secret }) => ({ channel: createSandboxChannel({ url: `${url}?`, secret }), config: {} }),
};

testChannelContract('sandbox', () => startGatewayVendor(sandbox));
testGatewayProtocol(sandbox);
