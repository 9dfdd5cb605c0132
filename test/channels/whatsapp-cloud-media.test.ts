import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isMediaAddress } from '../../src/channels/whatsapp-cloud/attachments.ts';
import { findDocumentName, findMediaKind } from '../../src/channels/whatsapp-cloud/media-kinds.ts';
import { parseMediaRef } from '../../src/channels/whatsapp-cloud/read-message.ts';
import { pdf, png } from '../support/sample-files.ts';
import { createMessage, startWhatsAppWorld, type WhatsAppWorld } from './whatsapp-cloud-world.ts';

const hash = createHash('sha256').update(png).digest('base64');

const fetchRef = (world: WhatsAppWorld, ref: string, context = world.context) => world.channel.fetchAttachment?.(context, ref);

test('a file of a contact is fetched with the token, and checked', async () => {
  await using world = await startWhatsAppWorld();
  const id = world.vendor.storeMedia(png, 'image/png');
  const file = await fetchRef(world, `${id}#${hash}`);
  if (file?.kind !== 'fetched') throw new Error('The file was not fetched.');
  expect(file).toMatchObject({ contentType: 'image/png', bytes: png.length });
  expect(readFileSync(file.path)).toEqual(png);
  // Without a hash in the webhook, that of the look-up counts.
  expect(await fetchRef(world, id)).toMatchObject({ kind: 'fetched' });
});

test('a damaged file is not passed on', async () => {
  await using world = await startWhatsAppWorld();
  const id = world.vendor.storeMedia(pdf, 'application/pdf');
  expect(await fetchRef(world, `${id}#${hash}`)).toMatchObject({ kind: 'unavailable', code: 'media_changed' });
});

test('an address that has ended is asked for once more', async () => {
  await using world = await startWhatsAppWorld();
  const id = world.vendor.storeMedia(png, 'image/png');
  let tries = 0;
  const context = {
    ...world.context,
    async fetchFile(url: string, headers?: Readonly<Record<string, string>>) {
      tries += 1;
      if (tries === 1) world.vendor.expireMediaAddresses();
      return world.context.fetchFile(url, headers);
    },
  };
  expect(await fetchRef(world, `${id}#${hash}`, context)).toMatchObject({ kind: 'fetched' });
  expect(tries).toBe(2);
});

test('a file that Meta knows no more is permanent; a server that fails or a wrong token is not', async () => {
  await using world = await startWhatsAppWorld();
  expect(await fetchRef(world, '123456')).toMatchObject({ kind: 'rejected', code: 'media_expired' });
  expect(await fetchRef(world, '123456', world.withConfig({ accessToken: 'EAA-other' }))).toMatchObject({
    kind: 'unavailable',
  });
  expect(await fetchRef(world, '123456', world.withConfig({ baseUrl: `${world.url}/none` }))).toMatchObject({
    kind: 'unavailable',
  });
  expect(await fetchRef(world, '../me')).toMatchObject({ kind: 'rejected', code: 'media_unknown' });
});

test('the token goes to Meta’s media servers alone', async () => {
  const base = 'https://graph.facebook.com';
  expect(isMediaAddress('https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1', base)).toBe(true);
  expect(isMediaAddress('https://mmg.whatsapp.net/a', base)).toBe(true);
  for (const url of [
    'https://evilfbsbx.com/a',
    'http://lookaside.fbsbx.com/a',
    'https://x.example/?fbsbx.com',
    'javascript:1',
    '',
  ]) {
    expect(isMediaAddress(url, base)).toBe(false);
  }
  await using world = await startWhatsAppWorld();
  const id = world.vendor.storeMedia(png, 'image/png');
  world.app.get('/proxy/:version/:id', (_request, response) => void response.json({ url: 'https://x.example/steal', id }));
  const context = {
    ...world.withConfig({ baseUrl: `${world.url}/proxy` }),
    fetchFile: () => Promise.reject(new Error('asked')),
  };
  expect(await fetchRef(world, id, context)).toMatchObject({ kind: 'rejected', code: 'media_forbidden' });
});

test.each([
  ['123#a+/b=', { id: '123', sha256: 'a+/b=' }],
  ['123', { id: '123', sha256: undefined }],
  ['', null],
  ['https://x.example/', null],
  ['1/2', null],
])('the reference %j is read as %j', (ref, expected) => {
  expect(parseMediaRef(ref)).toEqual(expected);
});

/** Builds the header of a WebP file. */
function webp(size: number, bytes: number, isAnimated = false): Buffer {
  const data = Buffer.alloc(bytes);
  data.write('RIFF', 0, 'latin1');
  data.write('WEBPVP8X', 8, 'latin1');
  data[20] = isAnimated ? 0x02 : 0;
  data.writeUIntLE(size - 1, 24, 3);
  data.writeUIntLE(size - 1, 27, 3);
  return data;
}

test.each([
  ['image/jpeg', Buffer.alloc(10), 'image'],
  ['image/png', Buffer.alloc(5 * 1024 * 1024 + 1), null],
  ['image/gif', Buffer.alloc(10), null],
  ['video/mp4', Buffer.alloc(10), 'video'],
  ['video/quicktime', Buffer.alloc(10), null],
  ['audio/ogg; codecs=opus', Buffer.alloc(10), 'audio'],
  ['audio/wav', Buffer.alloc(10), null],
  ['text/plain; charset=utf-8', Buffer.alloc(10), 'document'],
  ['text/csv; charset=utf-8', Buffer.alloc(10), null],
  ['application/pdf', Buffer.alloc(10), 'document'],
  ['image/webp', webp(512, 90 * 1024), 'sticker'],
  ['image/webp', webp(512, 110 * 1024), null],
  ['image/webp', webp(512, 110 * 1024, true), 'sticker'],
  ['image/webp', webp(800, 1024), null],
  ['image/webp', Buffer.alloc(10), null],
])('a file of the type %s is sent as its kind', (contentType, data, kind) => {
  expect(findMediaKind({ contentType, data })).toBe(kind);
});

test.each([
  ['https://x.example/a/terms.PDF?x=1', 'terms.PDF'],
  ['https://x.example/a.zip', null],
  ['https://x.example/', null],
  ['no address', null],
])('the document in %s is %s', (url, name) => {
  expect(findDocumentName(url)).toBe(name);
});

test('a file whose upload is refused in one attempt and taken in the next moves no part', async () => {
  await using world = await startWhatsAppWorld();
  const picture = world.serveFile('a.png', png, 'image/png');
  const sound = world.serveFile('b.amr', Buffer.from('#!AMR\n'.padEnd(64, '\0')), 'audio/amr');
  const message = createMessage({ text: 'look', attachments: [picture, sound], lastInboundAt: new Date() });
  world.vendor.setFault({ kind: 'upload_error', code: 131053 });
  await world.channel.send(world.context, message);
  expect(world.listSendBodies()).toMatchObject([
    { text: { body: `look\n${picture}`, preview_url: true }, biz_opaque_callback_data: `${message.id}:0/2` },
    { text: { body: sound }, biz_opaque_callback_data: `${message.id}:1/2` },
  ]);
  world.vendor.setFault(null);
  const next = await world.channel.send(world.context, { ...message, acceptedParts: ['wamid.first'] });
  expect(next).toMatchObject({ kind: 'accepted', externalIds: ['wamid.first', expect.stringMatching(/^wamid\./)] });
  expect(world.listSendBodies().slice(2)).toMatchObject([{ type: 'audio', biz_opaque_callback_data: `${message.id}:1/2` }]);
});
