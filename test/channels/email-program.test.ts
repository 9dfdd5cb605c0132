import { createEmailChannel } from '../../src/channels/email/email.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { findMissingMailServers, startMailServers } from '../support/mail-servers.ts';
import { startWorld, type World } from '../support/world.ts';
import { startSmtpServer } from './email-smtp-server.ts';

const missing = findMissingMailServers();
const withServers = missing === null ? test : test.skip;
const channels = () => indexChannels([createEmailChannel({ allowPrivateTargets: true })]);
const stepMs = 50;

async function connect(world: World, config: object) {
  const location = await world.install();
  const response = await world.api.put(`/locations/${location.id}/channels/mail`, { type: 'email', config });
  expect([response.status, JSON.stringify(response.body).includes('mailbox-password')]).toEqual([200, false]);
  const send = async () => {
    const sent = await world.highlevel.sendMessage(location.id, {
      contactId: location.contact.id,
      providerKey: 'mail',
      text: 'hello',
    });
    return sent.messageId;
  };
  return { location, connectionId: String(response.body.connectionId), send };
}

test('an email goes out, and a deferred one is sent once when the server takes it', async () => {
  const server = await startSmtpServer();
  await using world = await startWorld({ channels });
  const smtp = { host: '127.0.0.1', port: server.port, security: 'none', username: 'shop', password: 'mailbox-password' };
  const { send } = await connect(world, { from: 'Shop <shop@inbox.test>', smtp });
  server.behave({ replies: { 'RCPT TO': '450 4.2.0 greylisted' } });
  const messageId = await send();
  await world.advanceUntil(() => server.commands.some((line) => line.startsWith('RCPT')), 'it was offered', stepMs);
  server.behave({});
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  expect(server.mails).toHaveLength(1);
  await server.close();
});

test('an email whose confirmation is lost is not sent again, but held for a person', async () => {
  const server = await startSmtpServer();
  await using world = await startWorld({ channels });
  const smtp = { host: '127.0.0.1', port: server.port, security: 'none' };
  const { send } = await connect(world, { from: 'Shop <shop@inbox.test>', smtp });
  server.behave({ cut: 'after_dot' });
  await send();
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { heldForReviewAt: { not: null } } })) === 1,
    'it is held',
    10_000,
  );
  expect(server.mails).toHaveLength(1);
  await server.close();
});

withServers('a reply in a real mailbox is posted to the contact’s conversation, also after another session', async () => {
  const servers = await startMailServers(['shop'], 1);
  await using world = await startWorld({ channels });
  const { connectionId } = await connect(world, {
    from: 'Shop <shop@inbox.test>',
    smtp: { host: '127.0.0.1', port: servers.smtpPort, security: 'none', username: 'shop', password: servers.password },
    imap: { host: '127.0.0.1', port: servers.imapPort, security: 'none' },
    unverifiedSenders: 'deliver',
  });
  const hasCursor = async () => (await world.db.connection.findUnique({ where: { id: connectionId } }))?.state !== null;
  await world.advanceUntil(hasCursor, 'the mailbox is open', stepMs);
  const deliver = (text: string) =>
    servers.deliver(
      'shop',
      `From: Maya <maya@example.com>\r\nTo: shop@inbox.test\r\nSubject: Hi\r\nMessage-ID: <${text}@example.com>\r\n\r\n${text}\r\n`,
    );
  const isPosted = (externalId: string) => async () =>
    (await world.db.message.count({ where: { externalId, state: 'delivered' } })) === 1;
  deliver('first');
  await world.advanceUntil(isPosted('first@example.com'), 'the first is posted', stepMs);
  await servers.restartImap();
  deliver('second');
  await world.advanceUntil(isPosted('second@example.com'), 'the second is posted', stepMs);
  expect(await world.db.message.count({ where: { direction: 'inbound' } })).toBe(2);
  await servers.close();
});
