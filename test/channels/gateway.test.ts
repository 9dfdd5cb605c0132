import { gatewayChannel } from '../../src/channels/gateway.ts';
import { keepsTheContract } from './contract.ts';

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const open = gatewayChannel({ allowPrivateTargets: true });
const guarded = gatewayChannel({ allowPrivateTargets: false });

keepsTheContract({
  name: 'gateway',
  open: (farSide) => ({ channel: open, config: open.configSchema.parse({ ...farSide, timeoutMs: 1_000 }) }),
});

test.each([
  [{ secret }, 'url'],
  [{ url: 'not an address', secret }, 'url'],
  [{ url: 'ftp://x.example/', secret }, 'url'],
  [{ url: 'https://x.example/' }, 'secret'],
  [{ url: 'https://x.example/', secret: 'hush' }, 'secret'],
  [{ url: 'https://x.example/', secret, timeoutMs: 5 }, 'timeoutMs'],
  [{ url: 'https://x.example/', secret, typo: 1 }, undefined],
])('the config %j is refused, naming the field', (config, field) => {
  const result = open.configSchema.safeParse(config);
  expect(result.success).toBe(false);
  expect(result.error?.issues[0]?.path[0]).toBe(field);
});

test.each(['http://x.example/', 'https://127.0.0.1/', 'https://[::1]/', 'https://10.0.0.1/'])(
  'with the guard closed %s is refused when it is connected',
  (url) => {
    expect(guarded.configSchema.safeParse({ url, secret }).success).toBe(false);
    expect(open.configSchema.safeParse({ url, secret }).success).toBe(true);
  },
);
