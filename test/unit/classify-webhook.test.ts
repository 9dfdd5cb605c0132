import fc from 'fast-check';
import { classifyWebhook, type WebhookAddress } from '../../src/highlevel/classify-webhook.ts';
import type { Provider } from '../../src/highlevel/providers.ts';

const provider = (key: string, kind: Provider['kind']): Provider => ({ key, id: `id-of-${key}`, kind });
const sms = provider('sms', 'sms');
const whatsapp = provider('whatsapp', 'sms-extra');
const mail = provider('mail', 'email');
const call = provider('call', 'call');
const appId = '672a531581f0e73aaafabac4';
const two = { appId, providers: [sms, mail] };
const all = { appId, providers: [sms, whatsapp, mail, call] };

const ids = { locationId: 'GKAWb4yu7A4LSc0skQ6g', messageId: 'GKJxs4P5L8dWc5CFUITM' };
/** platform.md 3.3 (a), (b), (c), (e) and (f). */
const smsMessage = {
  ...ids,
  contactId: 'c',
  type: 'SMS',
  phone: '+15864603685',
  message: 'hello',
  attachments: [],
  userId: 'u',
};
const email = { ...ids, emailMessageId: 'e', type: 'Email', emailTo: ['abc@example.com'], html: '<p>x</p>', subject: 's' };
const threaded = { ...ids, contactId: 'c', type: 'Custom', message: 'thanks!', replyToAltId: 'x' };
const outboundEvent = {
  ...{ type: 'OutboundMessage', locationId: 'l', versionId: appId, appId, body: 'words', contactId: '123' },
  ...{ contentType: 'text/plain', conversationId: 'c', dateAdded: '2026-01-16T02:08:03.586Z', direction: 'outbound' },
  ...{
    messageType: 'Custom',
    messageTypeId: 22,
    messageTypeString: 'TYPE_CUSTOM_PROVIDER_SMS',
    messageId: 'ldaaoFaLeUWVoKymWNTG',
  },
  ...{ status: 'delivered', source: 'api', conversationProviderId: sms.id, attachments: ['https://example.com/a.png'] },
};
const install = { type: 'INSTALL', appId, installType: 'Location', locationId: 'l', companyId: 'c', webhookId: 'w' };

const delivery = (to: Provider) => ({ kind: 'delivery', provider: to });
const unknown = (reason: string) => ({ kind: 'unknown', reason });
const foreign = { kind: 'not_ours', providerId: null };

test.each<[string, object | null, WebhookAddress, typeof two, object]>([
  ['a text at its Delivery URL', smsMessage, sms, two, delivery(sms)],
  ['an email at its Delivery URL', email, mail, two, delivery(mail)],
  ['a threaded reply of the type Custom', threaded, sms, two, delivery(sms)],
  ['a body of ids alone at a Delivery URL', ids, sms, two, delivery(sms)],
  ['ids as numbers', { ...smsMessage, locationId: 12, messageId: 34 }, sms, two, delivery(sms)],
  ['a type that HighLevel may add', { ...smsMessage, type: 'RCS' }, sms, two, delivery(sms)],
  ['one that names this provider', { ...smsMessage, conversationProviderId: sms.id }, sms, all, delivery(sms)],
  ['one that names our other provider', { ...smsMessage, conversationProviderId: whatsapp.id }, sms, all, delivery(whatsapp)],
  ['one that names no provider in null or blank', { ...smsMessage, conversationProviderId: ' ' }, sms, all, delivery(sms)],
  [
    'one that names a provider of another app',
    { ...smsMessage, conversationProviderId: 'theirs' },
    sms,
    all,
    { kind: 'not_ours', providerId: 'theirs' },
  ],
  ['an app id of ours beside a text, which HighLevel may add', { ...smsMessage, appId }, sms, two, delivery(sms)],
  ['an app id of others beside a text', { ...smsMessage, appId: 'other' }, sms, two, foreign],
  ['an email at the Delivery URL for texts', email, sms, two, delivery(mail)],
  ['a text at the Delivery URL for emails', smsMessage, mail, two, delivery(sms)],
  ['a text at the Delivery URL for emails, where two carry texts', smsMessage, mail, all, unknown('provider_ambiguous')],
  ['an email where no provider carries emails', email, sms, { appId, providers: [sms] }, delivery(sms)],
  ['a text at the app’s address', smsMessage, 'app', two, delivery(sms)],
  ['an email at the app’s address', email, 'app', two, delivery(mail)],
  [
    'a text at the app’s address that names its provider',
    { ...smsMessage, conversationProviderId: whatsapp.id },
    'app',
    all,
    delivery(whatsapp),
  ],
  ['a text at the app’s address, where two carry texts', smsMessage, 'app', all, unknown('provider_ambiguous')],
  [
    'a body of ids alone at the app’s address, with one provider',
    ids,
    'app',
    { appId, providers: [mail, call] },
    delivery(mail),
  ],
  ['an OutboundMessage of ours at a Delivery URL', outboundEvent, sms, all, { kind: 'message_event' }],
  [
    'an InboundMessage of ours at a Delivery URL',
    { ...outboundEvent, type: 'InboundMessage' },
    sms,
    all,
    { kind: 'message_event' },
  ],
  ['an OutboundMessage that names no app', { ...outboundEvent, appId: undefined }, sms, all, { kind: 'message_event' }],
  ['an OutboundMessage of another app', { ...outboundEvent, appId: 'other' }, sms, all, foreign],
  ['an OutboundMessage at the app’s address', outboundEvent, 'app', all, { kind: 'message_event' }],
  ['INSTALL at the app’s address', install, 'app', two, { kind: 'app_event' }],
  ['INSTALL at a Delivery URL', install, sms, two, { kind: 'app_event' }],
  ['INSTALL of another app, at either', { ...install, appId: 'other' }, 'app', two, foreign],
  ['LocationUpdate without an app id at a Delivery URL', { type: 'LocationUpdate', id: 'l' }, sms, two, { kind: 'app_event' }],
  ['an event of ours that is not known, at a Delivery URL', { type: 'NEW', appId }, sms, two, { kind: 'app_event' }],
  ['an event that is not known, at the app’s address', { type: 'NEW', x: 1 }, 'app', two, { kind: 'app_event' }],
  ['an event that is not known, at a Delivery URL', { type: 'NEW', x: 1 }, sms, two, unknown('unknown_shape')],
  ['a text without ids', { type: 'SMS', phone: '+1', message: 'x' }, sms, two, unknown('ids_missing')],
  ['a text without ids at the app’s address', { type: 'SMS', phone: '+1', message: 'x' }, 'app', two, unknown('ids_missing')],
  ['a message id that is too long', { ...smsMessage, messageId: 'x'.repeat(129) }, sms, two, unknown('ids_missing')],
  ['a received message', { ...smsMessage, direction: 'inbound' }, sms, two, unknown('inbound')],
  ['an empty object', {}, sms, two, unknown('unknown_shape')],
  ['null', null, sms, two, unknown('not_an_object')],
  ['a list', [smsMessage], sms, two, unknown('not_an_object')],
])('%s', (_name, body, address, ours, expected) => {
  expect(classifyWebhook(body, address, ours)).toEqual(expected);
});

const fields = [
  'type',
  'appId',
  'conversationProviderId',
  'locationId',
  'messageId',
  'phone',
  'emailTo',
  'html',
  'message',
  'direction',
];
const values = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    'SMS',
    'Email',
    'Custom',
    'OutboundMessage',
    'inboundmessage',
    'INSTALL',
    'x',
    appId,
    'other',
    sms.id,
    whatsapp.id,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const bodies = fc.oneof(
  fc.dictionary(fc.constantFrom(...fields, 'body', 'messageType', 'attachments'), values),
  fc.jsonValue(),
);
const addresses = fc.constantFrom<WebhookAddress>('app', sms, whatsapp, mail);

test('a message event, a webhook of another app or for another app’s provider, and one without ids is never a delivery', () => {
  fc.assert(
    fc.property(bodies, addresses, (body, address) => {
      const found = classifyWebhook(body, address, all);
      if (found.kind !== 'delivery') return;
      const fields = body as Record<string, unknown>;
      const text = (name: string) => String(fields[name] ?? '').trim();
      expect(text('type').toLowerCase()).not.toMatch(/^(out|in)boundmessage$/);
      if (typeof fields.appId === 'string' && text('appId') !== '') expect(text('appId')).toBe(appId);
      const named = fields.conversationProviderId;
      if (typeof named === 'string' && named.trim() !== '') expect(found.provider.id).toBe(named.trim());
      for (const name of ['locationId', 'messageId']) expect(['string', 'number']).toContain(typeof fields[name]);
    }),
    { numRuns: 2_000 },
  );
});

test('a webhook that names a provider, an app or a message event is classified alike at every address', () => {
  fc.assert(
    fc.property(bodies, addresses, addresses, (body, one, other) => {
      const found = classifyWebhook(body, one, all);
      const fields = (body ?? {}) as Record<string, unknown>;
      const isDecided =
        found.kind === 'not_ours' ||
        found.kind === 'message_event' ||
        (found.kind === 'delivery' &&
          typeof fields.conversationProviderId === 'string' &&
          fields.conversationProviderId.trim() !== '');
      if (isDecided) expect(classifyWebhook(body, other, all)).toEqual(found);
    }),
    { numRuns: 2_000 },
  );
});
