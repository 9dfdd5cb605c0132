import { createEmailChannel } from '../../src/channels/email/email.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { startSmtpServer } from '../channels/email-smtp-server.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

const secrets = ['sesame-one', 'sesame-two', 'sesame-three'];

/** The config of the only connection, as it is stored. */
async function readStored(world: Awaited<ReturnType<typeof startWorld>>) {
  return world.services.decryptConnection(await world.db.connection.findFirstOrThrow()).config;
}

test('a mailbox is connected with the form, changed without typing its passwords again, and none is ever shown', async () => {
  const server = await startSmtpServer();
  await using world = await startWorld({
    channels: () => indexChannels([createEmailChannel({ allowPrivateTargets: true })]),
    isIdle: true,
  });
  const location = await world.install();
  const pages = await createPageClient(world, {
    companyId: location.companyId,
    activeLocation: location.id,
    role: 'admin',
  });
  const typed = {
    do: 'connect',
    type: 'email',
    from: 'Harbour Dental <hello@harbour.example>',
    'smtp.host': '127.0.0.1',
    'smtp.port': String(server.port),
    'smtp.security': 'none',
    unverifiedSenders: 'mark',
    strangers: 'deliver',
  };
  const post = (fields: Record<string, string>) => pages.post('channels/mail/connect?type=email', { ...typed, ...fields });
  const shown: string[] = [];

  const empty = await pages.get('channels/mail/connect?type=email').expect(200);
  expect(empty.text).toMatch(/name="imap" value="on" checked/);
  expect(empty.text).toMatch(/name="smtp.port"[^>]* value="465"/);

  const asked = await post({ suggest: 'yes', from: 'clinic@gmail.com', 'smtp.host': '', imap: 'on', 'imap.port': '' }).expect(
    200,
  );
  expect(asked.text).toMatch(/name="smtp.host"[^>]* value="smtp.gmail.com"/);
  expect(asked.text).toMatch(/name="imap.port"[^>]* value="993"/);
  expect(asked.text).toContain('Gmail asks for an app password');
  const byHost = { suggest: 'yes', suggestion: 'Microsoft 365', 'smtp.host': 'mail.old.example' };
  expect((await post(byHost).expect(200)).text).toMatch(/name="smtp.host"[^>]* value="smtp.office365.com"/);
  expect((await post({ suggest: 'yes' }).expect(200)).text).toContain('This address has a domain of its own');
  // Without the button, what is missing is filled in when the form is sent.
  const sent = await post({ from: 'clinic@icloud.com', 'smtp.host': '', 'smtp.security': 'none', strangers: 'x' }).expect(422);
  expect(sent.text).toMatch(/name="smtp.port"[^>]* value="587"/);

  const incomplete = await post({ imap: 'on', 'imap.port': '993x', 'smtp.password': 'sesame-one' }).expect(422);
  expect(incomplete.text).toMatch(/id="field-imap-host-error">This field is required/);
  expect(incomplete.text).toMatch(/id="field-imap-port-error">Enter a number/);

  server.behave({ replies: { AUTH: '535 5.7.8 wrong' } });
  const rejected = await post({ 'smtp.password': 'sesame-one' }).expect(422);
  expect(rejected.text).toMatch(/id="field-smtp-password-error">The SMTP server does not accept/);
  const closed = await post({ 'smtp.port': '1' }).expect(422);
  expect(closed.text).toMatch(/id="field-smtp-host-error">This server could not be reached/);
  expect(closed.text).toContain('name="unverified"');
  server.behave({});
  await post({ 'smtp.password': 'sesame-one' }).expect(200);
  // The user name is the sender’s address where it is left out.
  const login = Buffer.from('\u0000hello@harbour.example\u0000sesame-one').toString('base64');
  expect(server.commands).toContain(`AUTH PLAIN ${login}`);

  const imap = { imap: 'on', 'imap.host': 'imap.harbour.example', 'imap.port': '993', 'imap.security': 'tls' };
  await post({ ...imap, 'imap.password': 'sesame-two', unverified: 'yes' }).expect(200);
  expect(await readStored(world)).toMatchObject({
    smtp: { password: 'sesame-one' },
    imap: { host: 'imap.harbour.example', password: 'sesame-two', folder: 'INBOX' },
  });
  const edit = await pages.get('channels/mail/connect?type=email').expect(200);
  expect(edit.text).toContain('name="remove:imap.password"');
  shown.push(edit.text, (await pages.get('channels/mail').expect(200)).text);

  // The password of SMTP would go to a server that another person may have entered.
  const moved = await post({ ...imap, 'remove:imap.password': 'on', unverified: 'yes' }).expect(422);
  expect(moved.text).toMatch(/id="field-smtp-password-error">Enter it again: the address that it is sent to has changed/);
  const password = { 'smtp.password': 'sesame-one' };
  await post({ ...imap, ...password, 'remove:imap.password': 'on', unverified: 'yes' }).expect(200);
  expect(JSON.stringify(await readStored(world))).not.toContain('sesame-two');

  const path = `/locations/${location.id}/channels/mail`;
  const { body: got } = await world.api.get(path).expect(200);
  expect(got.config).toMatchObject({ smtp: { host: '127.0.0.1' }, imap: { host: 'imap.harbour.example' } });
  const { imap: _, ...config } = got.config;
  const changed = await world.api.put(path, { type: 'email', config }).expect(200);
  expect(await readStored(world)).toMatchObject({ smtp: { password: 'sesame-one' } });
  expect(await readStored(world)).not.toHaveProperty('imap');
  const problem = await world.api
    .put(path, {
      type: 'email',
      config: { ...config, smtp: { ...config.smtp, host: 'https://a', password: 'sesame-three' } },
    })
    .expect(422);
  expect(problem.body.error.details).toEqual(['config.smtp.host: must be a host name without https://']);
  server.behave({ replies: { AUTH: '535 5.7.8 wrong' } });
  const refused = await world.api.put(path, { type: 'email', config }).expect(422);
  expect(refused.body.error).toMatchObject({
    code: 'connection_rejected',
    details: [expect.stringContaining('config.smtp.password: ')],
  });

  const rows = JSON.stringify([await world.db.connection.findMany(), await world.db.auditEntry.findMany()]);
  shown.push(
    rows,
    incomplete.text,
    rejected.text,
    closed.text,
    JSON.stringify([got, changed.body, problem.body, refused.body]),
  );
  expect(secrets.filter((secret) => shown.join().includes(secret))).toEqual([]);
  await server.close();
});
