import fc from 'fast-check';
import { parseDeliverySettings } from '../../src/channels/delivery-settings.ts';
import { describeCards } from '../../src/channels/whatsapp-web/describe.ts';
import { findPerson, parseJid, readMessageKey, toContactAddress } from '../../src/channels/whatsapp-web/jid.ts';
import { createLidBook } from '../../src/channels/whatsapp-web/lid-book.ts';
import { findMediaKind } from '../../src/channels/whatsapp-web/media.ts';
import { computeJitterMs, defaultDelivery, waitBeforeSend } from '../../src/channels/whatsapp-web/pacing.ts';
import { findRecipient } from '../../src/channels/whatsapp-web/recipient.ts';
import { toParts } from '../../src/channels/whatsapp-web/send-parts.ts';
import { normalizeAddress } from '../../src/core/address.ts';
import { createChannelWorld } from '../support/channel-context.ts';

const digits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[1-9][0-9]{${min - 1},${max - 1}}$`));

test('a hidden id is never a telephone number, whatever its digits', () => {
  fc.assert(
    fc.property(digits(5, 20), fc.constantFrom('lid', 'LID', 'hosted.lid'), (user, server) => {
      expect(parseJid(`${user}@${server}`)).toEqual({ kind: 'lid', user });
      const address = toContactAddress({ phone: undefined, lid: user });
      expect(address).toBe(`${user}@lid`);
      expect(normalizeAddress(address).kind).toBe('other');
    }),
  );
});

test('a number is read from the addresses of all libraries, without the suffix of a device', () => {
  fc.assert(
    fc.property(
      digits(7, 15),
      fc.constantFrom('c.us', 's.whatsapp.net'),
      fc.constantFrom('', ':0', ':12', '_1:3'),
      (user, server, device) => {
        expect(parseJid(`${user}${device}@${server}`)).toEqual({ kind: 'phone', user });
      },
    ),
  );
});

test('no text is read as an address that it is not, and none makes the reader fail', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.anything()), (value) => {
      const jid = parseJid(value);
      if (jid) expect(['phone', 'lid', 'group', 'channel', 'status', 'list']).toContain(jid.kind);
      expect(() => readMessageKey(value)).not.toThrow();
    }),
  );
  for (const text of ['@c.us', '12@', '0123456@c.us', '1@c.us', '+1650@c.us', 'a b@c.us', '1650555123@evil.example']) {
    expect(parseJid(text)).toBeNull();
  }
});

test('conversations of several people are no person', () => {
  for (const address of [
    '120363041234567890@g.us',
    '1650-1609@g.us',
    '120363@newsletter',
    'status@broadcast',
    '165@broadcast',
  ]) {
    expect(parseJid(address)).not.toBeNull();
    expect(findPerson([address, '16505551234@c.us'])).toBeNull();
  }
});

test('the number is found beside the hidden id, whichever of the two comes first', () => {
  const both = { phone: '5511912345678', lid: '123456789012345' };
  expect(findPerson(['5511912345678@s.whatsapp.net', null, '123456789012345@lid'])).toEqual(both);
  expect(findPerson(['123456789012345@lid', undefined, '5511912345678@c.us'])).toEqual(both);
  expect(findPerson(['123456789012345@lid'])).toEqual({ phone: undefined, lid: '123456789012345' });
});

test('the ninth digit of a Brazilian number, which WhatsApp leaves out, is put back', () => {
  expect(toContactAddress({ phone: '551187654321', lid: undefined })).toBe('+5511987654321');
  expect(toContactAddress({ phone: '5511987654321', lid: undefined })).toBe('+5511987654321');
  expect(toContactAddress({ phone: '551133334444', lid: undefined })).toBe('+551133334444');
  expect(toContactAddress({ phone: '5215512345678', lid: undefined })).toBe('+525512345678');
});

test('one message has one key, in each form in which its id is written', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[0-9A-F]{16,32}$/),
      fc.constantFrom('16505551234@c.us', '123456789012345@lid'),
      (key, chat) => {
        const whole = `true_${chat}_${key}`;
        for (const id of [
          key,
          whole,
          { _serialized: whole },
          { id: whole },
          { key: { id: key } },
          { id: { _serialized: whole } },
        ]) {
          expect(readMessageKey(id)).toBe(key);
        }
      },
    ),
  );
  expect(readMessageKey('false_1203630@g.us_3EB0AAAA_16505551234@c.us')).toBe('3EB0AAAA');
  expect(readMessageKey({})).toBeUndefined();
});

test('the recipient is the address that WhatsApp has named, else the number', () => {
  const to = '+16505551234';
  expect(findRecipient({ to, vendorAddress: null })).toEqual({ kind: 'phone', user: '16505551234', isKnown: false });
  expect(findRecipient({ to, vendorAddress: '551187654321@c.us' })).toMatchObject({ user: '551187654321', isKnown: true });
  expect(findRecipient({ to: '123456789012345@lid', vendorAddress: null })).toMatchObject({ kind: 'lid', isKnown: true });
  for (const wrong of ['maya@example.com', '120363041234567890@g.us', 'Acme']) {
    expect(findRecipient({ to: wrong, vendorAddress: null })).toBeNull();
  }
});

test('without settings a message goes in two to six seconds, with a cap for the day; a connection’s own settings come first', () => {
  expect(parseDeliverySettings({}, defaultDelivery)).toMatchObject({ ratePerSecond: 0.25, concurrency: 1, dailyCap: 250 });
  expect(parseDeliverySettings({ ratePerSecond: 5, dailyCap: undefined }, defaultDelivery)).toMatchObject({
    ratePerSecond: 5,
    concurrency: 1,
    dailyCap: 250,
  });
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const jitterMs = computeJitterMs({}, { id });
      expect(jitterMs).toBeGreaterThanOrEqual(0);
      expect(jitterMs).toBeLessThanOrEqual(2_000);
      expect(computeJitterMs({}, { id })).toBe(jitterMs);
      expect(computeJitterMs({ ratePerSecond: 10 }, { id })).toBeLessThanOrEqual(50);
    }),
  );
  const waits = new Set(Array.from({ length: 50 }, (_, index) => computeJitterMs({}, { id: String(index) })));
  expect(waits.size).toBeGreaterThan(40);
});

test('a stop ends the wait before a send, and the message is not sent', async () => {
  const world = createChannelWorld();
  const stopping = new AbortController();
  const waiting = waitBeforeSend(world.createContext({}, stopping.signal), { id: 'a' });
  stopping.abort();
  expect(await waiting).toBe(false);
  expect(await waitBeforeSend(world.createContext({}, stopping.signal), { id: 'b' })).toBe(false);
  world.close();
});

test('a text is the caption of the first picture, video or document; of sound and long texts it is a message of its own', () => {
  const file = (kind: 'image' | 'audio') => ({ kind, contentType: `${kind}/x`, name: kind, base64: 'AAAA' });
  expect(toParts('hi', [file('audio'), file('image')])).toMatchObject([{ caption: undefined }, { caption: 'hi' }]);
  expect(toParts('hi', [file('audio')])).toMatchObject([{ kind: 'text', text: 'hi' }, { kind: 'file' }]);
  expect(toParts('x'.repeat(1_025), [file('image')])).toMatchObject([{ kind: 'text' }, { kind: 'file', caption: undefined }]);
  expect(toParts('', [{ kind: 'address', url: 'https://x.example/a' }])).toEqual([
    { kind: 'text', text: 'https://x.example/a' },
  ]);
  expect(['image/jpeg', 'image/webp', 'video/mp4', 'audio/mpeg', 'text/plain; charset=utf-8'].map(findMediaKind)).toEqual([
    'image',
    'document',
    'video',
    'audio',
    'document',
  ]);
});

test('a contact card is its name and its numbers', () => {
  expect(describeCards(['BEGIN:VCARD\nFN:Zoe B\nitem1.TEL;waid=1650:+1 650\nTEL:+44 20\nEND:VCARD', 'x'])).toBe(
    'Zoe B +1 650 +44 20\n[A contact]',
  );
});

test('the phone of a hidden id is known to other processes, and to the newest five hundred', async () => {
  const world = createChannelWorld();
  const context = world.createContext({});
  const book = createLidBook();
  for (let count = 0; count < 510; count++) await book.add(context, String(100_000 + count), String(16_505_550_000 + count));
  const other = createLidBook();
  expect(await other.find(context, '100509')).toBe('16505550509');
  expect(await other.find(context, '100000')).toBeUndefined();
  expect(await other.find(context, '999999')).toBeUndefined();
  world.close();
});
