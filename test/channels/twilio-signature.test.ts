import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { computeSignature, listSignedUrls, requireTwilioSignature } from '../../src/channels/twilio/signature.ts';

/** Vectors of Twilio's own SDK (twilio-node, spec of its webhooks). */
const token = '12345';
const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';
const call: [string, string][] = [
  ['CallSid', 'CA1234567890ABCDE'],
  ['Caller', '+14158675309'],
  ['Digits', '1234'],
  ['From', '+14158675309'],
  ['To', '+18005551212'],
];
const withPassword = url.replace('//', '//user:pass@');
const jsonBody = '{"property": "value", "boolean": true}';
const jsonHash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620';

test.each<[string, string, [string, string][], string]>([
  ['as given', url, call, 'RSOYDt4T1cUTdK1PDd93/VVr8B8='],
  ['with its port', url.replace('.com', '.com:443'), call, 'kvajT1Ptam85bY51eRf/AJRuM3w='],
  ['plain http with its port', url.replace('https', 'http').replace('.com', '.com:80'), call, '0ZXoZLH/DfblKGATFgpif+LLRf4='],
  ['with a password', withPassword, call, 'CukzLTc1tT5dXEDIHm/tKBanW10='],
  ['with a password and its port', withPassword.replace('.com', '.com:443'), call, 'ZQFR1PTIZXF2MXB8ZnKCvnnA+rI='],
  [
    'a name twice',
    url,
    [
      ['MessagingBinding.Address', '+1415xxxxxxx'],
      ['MessagingBinding.Address', '+1325xxxxxxx'],
    ],
    '83O6e2vORAoJHUNzJjDWN1jz+BA=',
  ],
  [
    'a value twice',
    url,
    [
      ['Sid', 'CA123'],
      ['SidAccount', 'AC123'],
      ['Digits', '5678'],
      ['Digits', '1234'],
      ['Digits', '1234'],
    ],
    'IK+Dwps556ElfBT0I3Rgjkr1wJU=',
  ],
  ['the hash of a body', `${url}&bodySHA256=${jsonHash}`, [], 'a9nBmqA0ju/hNViExpshrM61xv4='],
  ['a quote and a plus sign, as written', `${url}&Body=It's+amazing`, call, 'dsq4Ehbj6cs+KdTkpF5sSSplOWw='],
])('Twilio’s own vector: %s', (_name, signedUrl, parameters, signature) => {
  expect(computeSignature(token, signedUrl, parameters)).toBe(signature);
});

function createRequest(body: string, signature: string | undefined, query = ''): WebhookRequest {
  const headers = signature === undefined ? {} : { 'x-twilio-signature': signature };
  return { method: 'POST', path: 'status', query: new URLSearchParams(query), headers, body: Buffer.from(body) };
}

const form = new URLSearchParams(call).toString();
const plain = 'https://patchbay.example/channels/c/status';

test('an address with and without its standard port is one, and another port is another', () => {
  expect(listSignedUrls('https://a.example/x')).toEqual(['https://a.example/x', 'https://a.example:443/x']);
  expect(listSignedUrls('http://a.example:80/x?y=1#z')).toEqual(['http://a.example:80/x?y=1', 'http://a.example/x?y=1']);
  expect(listSignedUrls('http://[::1]/x')).toEqual(['http://[::1]/x', 'http://[::1]:80/x']);
  for (const signed of listSignedUrls(plain)) {
    const request = createRequest(form, computeSignature(token, signed, call));
    expect(() => requireTwilioSignature([token], plain, request)).not.toThrow();
  }
});

test('a wrong, missing or foreign signature, another body, another address and another token are refused', () => {
  const good = computeSignature(token, plain, call);
  const invalid = expect.objectContaining({ code: 'signature_invalid' });
  expect(() => requireTwilioSignature([token], plain, createRequest(form, good))).not.toThrow();
  expect(() => requireTwilioSignature(['other', token], plain, createRequest(form, good))).not.toThrow();
  const wrong: [string[], string, WebhookRequest][] = [
    [['other'], plain, createRequest(form, good)],
    [[token], `${plain}/`, createRequest(form, good)],
    [[token], plain, createRequest(`${form}&More=1`, good)],
    [[token], plain, createRequest(form, undefined)],
    [[token], plain, createRequest(form, '')],
    [[token], plain, createRequest(form, `${good} `)],
    [[token], plain, createRequest(form, good, 'x=1')],
    [[], plain, createRequest(form, good)],
  ];
  for (const [tokens, address, request] of wrong)
    expect(() => requireTwilioSignature(tokens, address, request)).toThrow(invalid);
});

test('a JSON body counts by its hash in the address: another body, or another hash, is refused', () => {
  const signature = computeSignature(token, `${plain}?bodySHA256=${jsonHash}`, []);
  const read = (body: string, hash: string) =>
    requireTwilioSignature([token], plain, createRequest(body, signature, `bodySHA256=${hash}`));
  expect(() => read(jsonBody, jsonHash)).not.toThrow();
  expect(() => read(`${jsonBody} `, jsonHash)).toThrow();
  expect(() => read(`${jsonBody} `, createHash('sha256').update(`${jsonBody} `).digest('hex'))).toThrow();
});

test('Twilio’s newer scheme is named when it is refused', () => {
  const request = createRequest(form, 'x');
  request.headers['x-twilio-webhooks-signature-settings'] = 'key=WK1,algorithm=HMAC_SHA256';
  expect(() => requireTwilioSignature([token], plain, request)).toThrow(/webhook key/);
});

/** The rule, written out a second time: what checks the code must not be the code. */
function signPlainly(parameters: [string, string][]): string {
  const unique = [...new Set(parameters.map(([name, value]) => JSON.stringify([name, value])))].map((pair): [string, string] =>
    JSON.parse(pair),
  );
  const sorted = unique.sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1));
  return createHmac('sha1', token)
    .update(plain + sorted.map((pair) => pair.join('')).join(''), 'utf8')
    .digest('base64');
}

test('any parameters in any order, with any characters, repeated or empty, are verified as they were sent', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.toWellFormed());
  const parameters = fc.array(fc.tuple(text, text), { maxLength: 12 });
  fc.assert(
    fc.property(parameters, fc.integer({ min: 0, max: 11 }), (pairs, offset) => {
      const repeated = [...pairs, ...pairs.slice(0, 2)];
      const rotated = [...repeated.slice(offset), ...repeated.slice(0, offset)];
      const signature = signPlainly(repeated);
      const request = createRequest(new URLSearchParams(rotated).toString(), signature);
      expect(() => requireTwilioSignature([token], plain, request)).not.toThrow();
      const changed = createRequest(new URLSearchParams([...rotated, ['Added', 'x']]).toString(), signature);
      expect(() => requireTwilioSignature([token], plain, changed)).toThrow();
    }),
  );
});
