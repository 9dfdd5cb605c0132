import { createGatewayChannel, parseSendResponse } from '../../src/channels/gateway/gateway.ts';
import { testChannelContract } from './contract.ts';
import { testGatewayProtocol } from './gateway-protocol.ts';
import { type GatewayChannel, startGatewayVendor } from './gateway-vendor.ts';

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const open = createGatewayChannel({ allowPrivateTargets: true });
const guarded = createGatewayChannel({ allowPrivateTargets: false });

const gateway: GatewayChannel = {
  name: 'gateway',
  create: (vendor) => ({ channel: open, config: { url: vendor.url, secret: vendor.secret, timeoutMs: 1_000 } }),
};

testChannelContract('gateway', () => startGatewayVendor(gateway));
testGatewayProtocol(gateway);

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

test('blanks and line ends around an address and a secret are trimmed', () => {
  const pasted = { url: ' https://x.example/send\n', secret: `${secret}\r\n` };
  expect(open.configSchema.parse(pasted)).toMatchObject({ url: 'https://x.example/send', secret });
});

test.each([
  [
    200,
    '{"externalId":1234567890123456789,"status":"DELIVERED "}',
    { kind: 'delivered', externalIds: ['1234567890123456789'] },
  ],
  [200, '[{"externalId":" a1 ","status":"read"}]', { kind: 'delivered', externalIds: ['a1'] }],
  [200, '{"externalId":null,"status":"sending soon"}', { kind: 'accepted', externalIds: [] }],
  [200, '{"externalId":["a"],"status":{"is":"delivered"}}', { kind: 'accepted', externalIds: [] }],
  [202, '"delivered"', { kind: 'accepted', externalIds: [] }],
  [
    200,
    '{"status":"failed","error":{"code":30003,"message":"off"}}',
    { kind: 'rejected', code: '30003', message: 'off', isAuthoritative: true },
  ],
  [
    400,
    '{"error":{"code":21610,"message":null}}',
    { kind: 'rejected', code: '21610', message: 'The gateway responded with 400.', isAuthoritative: true },
  ],
  [400, '{"error":"opted out"}', { kind: 'rejected', code: 'http_400', message: 'opted out', isAuthoritative: false }],
])('the response %i %s is read as %j', (status, data, outcome) => {
  expect(parseSendResponse({ status, data, headers: {} } as Parameters<typeof parseSendResponse>[0], 0)).toEqual(outcome);
});

test.each(['http://x.example/', 'https://127.0.0.1/', 'https://[::1]/', 'https://10.0.0.1/'])(
  'with the guard closed %s is rejected when it is connected',
  (url) => {
    expect(guarded.configSchema.safeParse({ url, secret }).success).toBe(false);
    expect(open.configSchema.safeParse({ url, secret }).success).toBe(true);
  },
);
