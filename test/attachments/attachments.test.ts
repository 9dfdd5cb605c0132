import { EventEmitter } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Request, Response } from 'express';
import * as z from 'zod';
import { defineChannel } from '../../src/channels/channel.ts';
import { gatewayCapabilities } from '../../src/channels/gateway/gateway.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { logRequests } from '../../src/http/middleware/request-log.ts';
import type { Log } from '../../src/runtime/log.ts';
import { runCleanup } from '../../src/worker/cleanup.ts';
import { advanceUntilPosted, getLastPost, listPosts, sendReply, toPath } from '../support/attachments.ts';
import { html, pdf, png, svg } from '../support/sample-files.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startWorld, type World } from '../support/world.ts';

const dayMs = 24 * 60 * 60 * 1000;

const getReason = async (world: World, externalId: string) =>
  (await world.db.message.findFirst({ where: { externalId } }))?.reasonCode;

test('a contact’s file is stored, published under an unpredictable URL, and gone when it expires', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  const named = world.vendor.serveFile('token-in-the-address', (_request, response) => {
    response.set('content-disposition', 'attachment; filename="../Über Rechnung.html"').type('text/html').end(pdf);
  });
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png), named]);
  await advanceUntilPosted(world);
  const [picture, bill] = (getLastPost(world).attachments ?? []).map((url) => toPath(world, url));
  expect(picture).toMatch(/^\/media\/[\w-]{43}\/attachment-1\.png$/);
  expect(bill).toMatch(/^\/media\/[\w-]{43}\/ber_Rechnung\.pdf$/);

  const whole = await world.client.get(picture ?? '').expect(200);
  expect(whole.body).toEqual(png);
  expect(whole.headers).toMatchObject({
    'content-type': 'image/png',
    'content-disposition': 'inline; filename="attachment-1.png"',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': expect.stringContaining('private'),
    'cross-origin-resource-policy': 'cross-origin',
  });
  expect((await world.client.get(bill ?? '').expect(200)).headers['content-type']).toBe('application/pdf');
  const part = await world.client
    .get(picture ?? '')
    .set('range', 'bytes=1-3')
    .expect(206);
  expect(part.body).toEqual(png.subarray(1, 4));
  expect(part.headers['content-range']).toBe(`bytes 1-3/${png.length}`);
  await world.client
    .get(picture ?? '')
    .set('range', 'bytes=9999-')
    .expect(416);
  expect((await world.client.head(picture ?? '').expect(200)).headers['content-length']).toBe(String(png.length));

  const another = (picture ?? '').replace(/media\/(.)/, (_, first) => `media/${first === 'a' ? 'b' : 'a'}`);
  await world.client.get(another).expect(404);
  const rows = await world.db.attachment.findMany();
  for (const row of rows) expect(JSON.stringify(row)).not.toContain((picture ?? '').split('/')[2]);
  world.clock.jump(31 * dayMs);
  await world.client.get(picture ?? '').expect(404);
  await runCleanup(world.services);
  expect(await world.db.attachment.count()).toBe(0);
  expect(await world.db.message.count()).toBe(1);
  for (const { id } of rows) expect(await world.services.attachmentStore.read(id)).toBeNull();
  expect(readdirSync(world.services.mediaFolder)).toEqual([]);
});

test('skipped attachments are named in the message, which is never lost', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  const { vendor } = world;
  const redirect = vendor.serveFile('loop', (_request, response) =>
    response.redirect(`${vendor.url.replace('/send', '')}/files/loop`),
  );
  await sendReply(world, connectionId, [
    vendor.serveFile('large', Buffer.concat([png, Buffer.alloc(1024 * 1024)])),
    vendor.serveFile('endless', (_request, response) => {
      // Without a length: only counting shows its size.
      response.type('image/png').write(png);
      for (let sent = 0; sent < 64; sent++) response.write(Buffer.alloc(64 * 1024));
    }),
    vendor.serveFile('page', html, 'image/png'),
    vendor.serveFile('drawing', svg, 'image/svg+xml'),
    vendor.serveFile('empty', Buffer.alloc(0), 'image/png'),
    vendor.serveFile('gone', (_request, response) => response.status(410).end()),
    redirect,
    vendor.serveFile('there', (_request, response) => response.redirect(302, './a.png')),
    vendor.serveFile('a.png', png),
    vendor.serveFile('note', Buffer.from('Grüße'), 'text/plain'),
    vendor.serveFile('lie', html, 'text/plain'),
  ]);
  await advanceUntilPosted(world);
  expect(getLastPost(world).message?.split('\n')).toEqual([
    'look',
    '[An attachment was left out: it is larger than 1 MB.]',
    '[An attachment was left out: it is larger than 1 MB.]',
    '[An attachment was left out: it is of a type that is not passed on.]',
    '[An attachment was left out: it is of a type that is not passed on.]',
    '[An attachment was left out: it is empty.]',
    '[An attachment was left out: it could not be fetched (410).]',
    '[An attachment was left out: it could not be fetched (too many redirects).]',
    '[An attachment was left out: it is of a type that is not passed on.]',
  ]);
  expect(getLastPost(world).attachments?.map((url) => url.split('/').at(-1))).toEqual([
    'attachment-8.png',
    'attachment-9.png',
    'attachment-10.txt',
  ]);
  expect(readdirSync(world.services.mediaFolder)).toEqual([]);
});

test('a private address is not fetched, and a message without other content is posted with a note about it', async () => {
  await using world = await startWorld({ services: { allowPrivateTargets: false } });
  const { id } = await world.install();
  const connectionId = await world.connect(id, 'sms', { url: 'https://gateway.example.com/' });
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png)], { text: undefined });
  await advanceUntilPosted(world);
  expect(getLastPost(world).message).toBe('[An attachment was left out: it is not at a public address.]');
  expect(getLastPost(world).attachments).toBeUndefined();
  expect(world.vendor.countHits('a.png')).toBe(0);
});

test('a slow or failing source is retried, and a stored file is fetched and published once, also when HighLevel fails', async () => {
  await using world = await startWorld();
  const { connectionId, contact } = await world.setUpLocation();
  let tries = 0;
  const slow = world.vendor.serveFile('slow', (_request, response) => {
    tries += 1;
    if (tries === 1) return;
    if (tries === 2) return void response.status(503).end();
    response.end(png);
  });
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { cut: 'after_handling' } });
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png), slow]);
  await sendReply(world, connectionId, [], { externalId: 'later', text: 'and then' });
  await world.waitFor(() => tries === 1);
  expect(listPosts(world)).toEqual([]);
  await world.advanceUntil(() => tries === 2);
  await world.waitFor(async () => (await getReason(world, 'm-1')) === 'attachment_unreachable');
  await world.advanceUntil(() => world.highlevel.listConversation(contact.id).length >= 3);
  expect(world.vendor.countHits('a.png')).toBe(1);
  expect(tries).toBe(3);
  // The first post was cut off after HighLevel had stored it: the URLs are the same again, so neither is broken.
  const [first, again, later] = world.highlevel.listConversation(contact.id);
  expect(first?.attachments).toHaveLength(2);
  expect(again?.attachments).toEqual(first?.attachments);
  expect(later?.text).toBe('and then');
});

test('a message is posted without its file after a quarter of an hour of retries', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  const startedAt = world.clock.now();
  await sendReply(world, connectionId, [world.vendor.serveFile('down', (_request, response) => response.status(500).end())]);
  await advanceUntilPosted(world, 20_000);
  expect(getLastPost(world)).toMatchObject({ message: 'look\n[An attachment was left out: it could not be fetched.]' });
  expect(getLastPost(world).attachments).toBeUndefined();
  expect(world.clock.now() - startedAt).toBeLessThan(20 * 60_000);
});

test('where HighLevel can’t reach us, files are uploaded, once each, and unsupported types are skipped', async () => {
  await using world = await startWorld({ attachments: { delivery: 'upload', maxBytes: 8 * 1024 * 1024 } });
  const { connectionId, contact } = await world.setUpLocation();
  const webp = Buffer.from('RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0', 'latin1');
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 500 } });
  await sendReply(world, connectionId, [
    world.vendor.serveFile('a.png', png),
    world.vendor.serveFile('large', Buffer.concat([png, Buffer.alloc(6 * 1024 * 1024)])),
    world.vendor.serveFile('a.webp', webp),
  ]);
  await advanceUntilPosted(world);
  expect(getLastPost(world)).toMatchObject({
    attachments: [expect.stringMatching(/^https:\/\/storage\.example\.com\/.*\/attachment-1\.png$/)],
    message: expect.stringMatching(/larger than 5 MB.*\n.*of a type that is not passed on/),
  });
  const one = { name: 'attachment-1.png', type: 'image/png', bytes: png.length, contactId: contact.id };
  expect(world.highlevel.world.uploads).toEqual([one]);
});

test('files go with the messages of a location that was uninstalled', async () => {
  await using world = await startWorld();
  const { connectionId, id } = await world.setUpLocation();
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png)]);
  await advanceUntilPosted(world);
  await world.waitFor(async () => (await world.db.job.count()) === 0);
  await world.db.message.deleteMany({ where: { locationId: id } });
  await world.client.get(toPath(world, getLastPost(world).attachments?.[0])).expect(404);
  const [row] = await world.db.attachment.findMany();
  const path = join(world.services.mediaFolder, '../files', row?.id.slice(-2) ?? '', row?.id ?? '');
  expect(existsSync(path)).toBe(true);
  await runCleanup(world.services);
  expect(existsSync(path)).toBe(false);
  expect(await world.db.attachment.count()).toBe(0);
});

test('a channel that needs bytes receives them, and a message whose file can’t be fetched fails with the reason', async () => {
  const sent: { data: Buffer; contentType: string; name: string }[] = [];
  const channel = defineChannel({
    type: 'bytes',
    title: 'Takes bytes',
    configSchema: z.strictObject({}),
    capabilities: { ...gatewayCapabilities, receipts: false, attachments: 'bytes' },
    async send(context, message) {
      for (const url of message.attachments) {
        const file = await context.fetchBytes(url);
        if (file.kind !== 'fetched') return file;
        sent.push(file);
      }
      return { kind: 'accepted', externalIds: [] };
    },
  });
  await using world = await startWorld({ channels: () => indexChannels([channel]) });
  const { id, contact } = await world.install();
  await world.api.put(`/locations/${id}/channels/sms`, { type: 'bytes', config: {} }).expect(200);
  let isUp = false;
  const picture = world.vendor.serveFile('a.png', (_request, response) => void response.status(isUp ? 200 : 503).end(png));
  const good = await world.highlevel.sendMessage(id, { contactId: contact.id, attachments: [picture] });
  await world.waitFor(async () => (await world.getMessage(good.messageId)).reasonCode === 'attachment_unreachable');
  isUp = true;
  await world.advanceUntilReported(good.messageId);
  expect(sent).toMatchObject([{ data: png, contentType: 'image/png', name: 'attachment.png' }]);

  const page = world.vendor.serveFile('page', html, 'text/html');
  const bad = await world.highlevel.sendMessage(id, { contactId: contact.id, attachments: [page] });
  await world.advanceUntilReported(bad.messageId);
  expect(await world.getMessage(bad.messageId)).toMatchObject({
    state: 'failed',
    reason: 'An attachment could not be sent: it is of a type that is not passed on.',
  });
  expect(readdirSync(world.services.mediaFolder)).toEqual([]);
});

test('the URL of a file is in no line of the log', async () => {
  const lines: unknown[] = [];
  const log = {
    isLevelEnabled: () => true,
    debug: (line: unknown) => lines.push(line),
    warn: (line: unknown) => lines.push(line),
  };
  const response = new EventEmitter() as unknown as Response;
  Object.assign(response, { setHeader() {}, statusCode: 200, writableFinished: true });
  const asked = { method: 'GET', originalUrl: '/media/c2VjcmV0/attachment-1.png?x=1' } as Request;
  logRequests({ log: log as unknown as Log, newId: () => 'id', clock: createTestClock() })(asked, response, () => {});
  response.emit('close');
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain('c2VjcmV0');
});
