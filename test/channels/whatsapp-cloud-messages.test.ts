import { readAll, readOne } from './whatsapp-cloud-updates.ts';

test.each([
  ['text', { text: { body: 'hello' } }, 'hello'],
  ['button', { button: { payload: 'P', text: 'Stop promotions' } }, 'Stop promotions'],
  ['interactive', { interactive: { type: 'button_reply', button_reply: { id: '1', title: 'Yes' } } }, 'Yes'],
  ['interactive', { interactive: { list_reply: { id: '1', title: 'Monday', description: 'at ten' } } }, 'Monday\nat ten'],
  ['interactive', { interactive: { nfm_reply: { name: 'flow', body: 'Sent', response_json: '{"a":1}' } } }, 'Sent\n{"a":1}'],
  ['interactive', { interactive: { call_permission_reply: { response: 'accept' } } }, '[Call permission: accept]'],
  [
    'location',
    { location: { latitude: 38.9, longitude: '-77.03', name: 'Office', address: '1 Main St' } },
    'Office\n1 Main St\nhttps://www.google.com/maps?q=38.9,-77.03',
  ],
  [
    'contacts',
    { contacts: [{ name: { formatted_name: 'Zoe' }, phones: [{ phone: '+1 650' }], emails: [{ email: 'z@x.example' }] }, {}] },
    'Zoe, +1 650, z@x.example',
  ],
  [
    'order',
    {
      order: {
        text: 'soon please',
        product_items: [{ product_retailer_id: 'sku', quantity: 2, item_price: 5, currency: 'EUR' }],
      },
    },
    '[An order]\nsoon please\n2 × sku (5 EUR)',
  ],
  ['reaction', { reaction: { message_id: 'wamid.0', emoji: '👍' } }, 'Reacted 👍'],
  ['reaction', { reaction: { message_id: 'wamid.0' } }, '[Removed a reaction]'],
  [
    'edit',
    { edit: { original_message_id: 'wamid.0', message: { type: 'text', text: { body: 'better' } } } },
    '[Edited] better',
  ],
  ['revoke', { revoke: { original_message_id: 'wamid.0' } }, '[Deleted a message]'],
  [
    'system',
    { system: { body: 'Zoe changed from 1 to 2', type: 'user_changed_number', wa_id: '2' } },
    'Zoe changed from 1 to 2',
  ],
  [
    'unsupported',
    { errors: [{ code: 131051, title: 'Unsupported' }], unsupported: { type: 'poll' } },
    'does not pass on: poll',
  ],
  ['hologram', { hologram: {} }, 'type “hologram”'],
  ['constructor', {}, 'type “constructor”'],
  [
    'text',
    { text: { body: 'hi' }, referral: { headline: 'Ad', source_url: 'https://fb.example/1' } },
    'hi\n[From an ad: Ad – https://fb.example/1]',
  ],
  [
    'image',
    { image: { id: '7', caption: 'this one?' }, referral: { headline: 'Ad', source_url: 'https://fb.example/1' } },
    'this one?\n[From an ad: Ad – https://fb.example/1]',
  ],
])('a message of the type %s is readable: %j', (type, content, text) => {
  expect(readOne({ type, ...content }).text).toContain(text);
});

test.each(['reaction', 'edit', 'revoke'])('a %s refers to the message that it is about', (type) => {
  const content = { message_id: 'wamid.0', original_message_id: 'wamid.0', message: { type: 'text', text: { body: 'x' } } };
  expect(readOne({ type, [type]: content }).replyToExternalId).toBe('wamid.0');
});

test.each(['image', 'video', 'audio', 'document', 'sticker'])('a file of the type %s is a reference with its hash', (type) => {
  const content = { id: 7001, mime_type: 'image/jpeg', sha256: 'a+/b=', caption: 'here', filename: 'a.jpg' };
  expect(readOne({ type, [type]: content, context: { id: 'wamid.0' } })).toMatchObject({
    text: 'here',
    replyToExternalId: 'wamid.0',
    attachments: [{ ref: '7001#a+/b=', name: 'a.jpg', contentType: 'image/jpeg' }],
  });
  expect(readOne({ type, [type]: {} })).toMatchObject({ text: '[A file that can’t be read]', attachments: [] });
});

test.each([
  ['551187654321', '+5511987654321'],
  ['5511987654321', '+5511987654321'],
  ['551133334444', '+551133334444'],
  ['5215512345678', '+525512345678'],
  ['525512345678', '+525512345678'],
  ['5491123456789', '+5491123456789'],
  ['541123456789', '+541123456789'],
  ['16505551234', '+16505551234'],
])('WhatsApp’s spelling %s is the contact %s, and stays the address to send to', (waId, address) => {
  expect(readOne({ from: waId, type: 'text' })).toMatchObject({ from: address, vendorAddress: waId });
});

test('a user who hides the number is known by the id', () => {
  const userId = 'US.13491208655302741918';
  const [event] = readAll({
    contacts: [{ profile: { name: 'Zoe', username: 'zoe.b' }, user_id: userId }],
    messages: [{ from_user_id: userId, id: 'wamid.1', type: 'text', text: { body: 'x' } }],
  });
  expect(event).toMatchObject({ inbound: { from: userId, vendorAddress: userId, vendorUserId: userId, name: 'Zoe' } });
  // With both, the number is the address and the id the person.
  expect(readOne({ type: 'text', from_user_id: userId })).toMatchObject({
    from: '+16505551234',
    vendorAddress: '16505551234',
    vendorUserId: userId,
  });
});

test('each message of a batch has the name of its own sender', () => {
  const events = readAll({
    contacts: [
      { profile: { name: 'Ann' }, wa_id: '16505550001', user_id: 'US.1' },
      { profile: { name: 'Bob' }, wa_id: '16505550002', user_id: 'US.2' },
    ],
    messages: ['16505550002', '16505550001', '16505550003'].map((from, index) => ({ from, id: `m${index}`, type: 'text' })),
  });
  expect(events.map((event) => event.kind === 'inbound' && [event.inbound.name, event.inbound.vendorUserId])).toEqual([
    ['Bob', 'US.2'],
    ['Ann', 'US.1'],
    [undefined, undefined],
  ]);
});

test('a message from the business’s phone was sent externally, and opens no window', () => {
  const echo = {
    from: '15550783881',
    to: '551187654321',
    id: 'wamid.E',
    timestamp: 1749416383,
    type: 'text',
    text: { body: 'from my phone' },
  };
  const [event] = readAll({ message_echoes: [echo] }, 'smb_message_echoes');
  expect(event).toMatchObject({
    inbound: { from: '+15550783881', to: '+5511987654321', sentExternally: true, text: 'from my phone' },
  });
  expect(event?.kind === 'inbound' && event.inbound).not.toHaveProperty('vendorAddress');
});
