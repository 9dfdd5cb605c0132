import fc from 'fast-check';
import { readAppEvent, readDeliveryWebhook } from '../../src/highlevel/payloads.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const ids = { locationId: 'GKAWb4yu7A4LSc0skQ6g', messageId: 'GKJxs4P5L8dWc5CFUITM' };

/** platform.md 3.3 */
const officialSms = {
  ...ids,
  contactId: 'GKBhT6BfwY9mjzXAU3sq',
  type: 'SMS',
  phone: '+15864603685',
  message: 'The text message to be sent to the contact',
  attachments: ['https://www.google.com/images/branding/googlelogo/1x/googlelogo_color_272x92dp.png'],
  userId: 'GK56r6wdJDrkUPd0xsmx',
};
const officialEmail = {
  ...ids,
  contactId: 'GKKFF0QB9gV8fGA6zEbr',
  emailMessageId: 'GK56r6wdJDrkUPd0xsmx',
  type: 'Email',
  emailTo: ['abc@gmail.com'],
  emailFrom: 'From Name <email@gmail.com>',
  attachments: [],
  html: '<p>Testing</p>',
  subject: 'Subject from Conversation Page',
};

test('HighLevel’s own examples are read', () => {
  expect(readDeliveryWebhook(bytes(officialSms), false)).toMatchObject({
    highlevelMessageId: ids.messageId,
    messageType: 'sms',
    to: '+15864603685',
    text: 'The text message to be sent to the contact',
    attachments: officialSms.attachments,
  });
  expect(readDeliveryWebhook(bytes(officialEmail), true)).toMatchObject({
    messageType: 'email',
    to: 'abc@gmail.com',
    from: 'From Name <email@gmail.com>',
    subject: 'Subject from Conversation Page',
    emailMessageId: 'GK56r6wdJDrkUPd0xsmx',
  });
});

test('emailTo may be a string or a list', () => {
  expect(readDeliveryWebhook(bytes({ ...officialEmail, emailTo: 'a@b.c' }), true).to).toBe('a@b.c');
  expect(readDeliveryWebhook(bytes({ ...officialEmail, emailTo: ['a@b.c', 'd@e.f'] }), true).to).toBe('a@b.c, d@e.f');
});

test('with locationId and messageId, any other field may have any value without being rejected', () => {
  const rest = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('phone', 'message', 'attachments', 'emailTo', 'type', 'userId', 'html', 'subject')),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(rest, fc.boolean(), (fields, isEmail) => {
      const read = readDeliveryWebhook(bytes({ ...fields, ...ids }), isEmail);
      expect(read.locationId).toBe(ids.locationId);
      expect(read.highlevelMessageId).toBe(ids.messageId);
      expect(read.attachments.every((url) => typeof url === 'string')).toBe(true);
    }),
  );
});

test('PostgreSQL can store what is read: no NUL and no half of a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (message) => {
      const { text } = readDeliveryWebhook(bytes({ ...ids, message: `${message}\u0000\ud800` }), false);
      expect(text).not.toContain('\u0000');
      expect(text?.isWellFormed()).toBe(true);
    }),
  );
});

test.each([
  ['not JSON', 'nonsense'],
  ['a list', '[]'],
  ['null', 'null'],
  ['without ids', '{}'],
  ['with empty ids', '{"locationId":"","messageId":""}'],
])('a body that is %s is rejected with a clear error', (_name, body) => {
  expect(() => readDeliveryWebhook(Buffer.from(body), false)).toThrow(expect.objectContaining({ code: 'payload_invalid' }));
});

test('any bytes are read or rejected, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (body) => {
      try {
        readDeliveryWebhook(Buffer.from(body), false);
      } catch (error) {
        expect(error).toMatchObject({ code: 'payload_invalid' });
      }
    }),
  );
});

test('an app event without webhookId is identified by its body', () => {
  const event = { type: 'INSTALL', appId: 'app', locationId: 'loc' };
  expect(readAppEvent(bytes({ ...event, webhookId: 'w1' })).id).toBe('w1');
  expect(readAppEvent(bytes(event)).id).toBe(readAppEvent(bytes(event)).id);
  expect(readAppEvent(bytes(event)).id).not.toBe(readAppEvent(bytes({ ...event, locationId: 'other' })).id);
});

test('a timestamp that can’t be the time of an event is ignored', () => {
  const readTime = (timestamp: unknown) => readAppEvent(bytes({ type: 'UNINSTALL', appId: 'a', timestamp })).occurredAt;
  expect(readTime('2025-06-25T06:57:06.225Z')).toEqual(new Date('2025-06-25T06:57:06.225Z'));
  expect(readTime(1_750_834_626)).toEqual(new Date('2025-06-25T06:57:06Z'));
  for (const invalid of [null, true, '', 'yesterday', '1970-01-01T00:00:00Z', undefined]) {
    expect(readTime(invalid)).toBeNull();
  }
});
