import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { createCertificate } from '../support/certificate.ts';
import { startSmppWorld } from './smpp-world.ts';

/** Servers of others: what they take for SMPP is not our own reading of it. */

interface PeerPdu {
  command: string;
  short_message?: { message?: string };
  source_addr?: string;
  destination_addr?: string;
  response(fields?: object): PeerPdu;
}
interface PeerSession {
  on(event: string, listener: (pdu: PeerPdu) => void): void;
  send(pdu: PeerPdu): void;
  deliver_sm(fields: object, done?: (pdu: PeerPdu) => void): void;
  close(): void;
}
interface PeerServer {
  listen(port: number, host: string, done: () => void): void;
  address(): { port: number };
  close(done: () => void): void;
  sessions: PeerSession[];
}
const smpp: { createServer(options: object, listener: (session: PeerSession) => void): PeerServer } = createRequire(
  import.meta.url,
)('smpp');

/** Starts the server of npm’s `smpp`: ids in hexadecimal, receipts in decimal. */
async function startNodeSmpp(options: object = {}) {
  const submits: PeerPdu[] = [];
  const acknowledged: PeerPdu[] = [];
  const behaviour = { throttled: 0 };
  let id = 0xabcd00;
  const server = smpp.createServer(options, (session) => {
    session.on('bind_transceiver', (pdu) => session.send(pdu.response({ system_id: 'peer' })));
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => {
      session.send(pdu.response());
      session.close();
    });
    session.on('error', () => {});
    session.on('submit_sm', (pdu) => {
      if (behaviour.throttled > 0) {
        behaviour.throttled -= 1;
        session.send(pdu.response({ command_status: 0x58 }));
        return;
      }
      submits.push(pdu);
      id += 1;
      const receipt = `id:${String(id).padStart(10, '0')} sub:001 dlvrd:001 submit date:2601010900 done date:2601010901 stat:DELIVRD err:000 text:`;
      session.send(pdu.response({ message_id: id.toString(16) }));
      session.deliver_sm(
        { source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4, short_message: receipt },
        (response) => acknowledged.push(response),
      );
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    ...{ submits, acknowledged, behaviour },
    port: server.address().port,
    close: () =>
      new Promise<void>((done) => {
        for (const session of server.sessions) session.close();
        server.close(done);
      }),
  };
}

test.each([false, true])('npm’s smpp server takes a bind, messages and acknowledgements; TLS: %p', async (isEncrypted) => {
  const certificate = isEncrypted ? createCertificate() : null;
  const peer = await startNodeSmpp(certificate ?? {});
  await using world = await startSmppWorld({ port: peer.port });
  const tls = certificate ? { tls: true, host: 'localhost', caCertificate: certificate.cert } : {};
  const session = await world.open(tls);
  const texts = ['hello @ €', 'Grüße 😀', 'a'.repeat(161)];
  for (const text of texts) expect(await session.send(world.createMessage({ text }))).toMatchObject({ kind: 'accepted' });
  expect(peer.submits.map(({ short_message }) => short_message?.message).slice(0, 2)).toEqual(texts.slice(0, 2));
  expect(peer.submits).toHaveLength(4);
  await world.waitFor(() => peer.acknowledged.length === 4);
  expect(world.listReceipts().map(({ externalId, state }) => [externalId, state])).toEqual(
    ['abcd01', 'abcd02', 'abcd03', 'abcd04'].map((id) => [id, 'delivered']),
  );
  peer.behaviour.throttled = 1;
  expect(await session.send(world.createMessage())).toMatchObject({
    kind: 'unavailable',
    code: 'ESME_RTHROTTLED',
    isConnectionWide: true,
  });
  await session.close();
  await peer.close();
});

test('a certificate that no authority has signed is refused', async () => {
  const peer = await startNodeSmpp(createCertificate());
  await using world = await startSmppWorld({ port: peer.port });
  await expect(world.open({ tls: true, host: 'localhost' })).rejects.toThrow();
  const verified = await world.channel.setup?.verify(world.createContext({ tls: true, host: 'localhost' }));
  expect(verified).toMatchObject({ kind: 'rejected', problems: [{ field: 'tls', code: 'certificate' }] });
  await peer.close();
});

/** A carrier made of Debian’s Net::SMPP: it prints what it reads, throttles the second message, and sends a receipt and a message of a contact. */
const perlServer = String.raw`
use strict; use warnings; use Net::SMPP; $| = 1;
my $listener = Net::SMPP->new_listen('127.0.0.1', port => 0, smpp_version => 0x34, interface_version => 0x34) or die "listen";
print "port ", $listener->sockport, "\n";
my $bind = $listener->accept or die "accept";
my $count = 0;
while (my $pdu = $bind->read_pdu()) {
  my $name = Net::SMPP::pdu_tab->{$pdu->{cmd}}{cmd};
  print "$name\n";
  if ($name eq 'bind_transceiver') { $bind->bind_transceiver_resp(seq => $pdu->{seq}, system_id => 'perl'); }
  elsif ($name eq 'enquire_link') { $bind->enquire_link_resp(seq => $pdu->{seq}); }
  elsif ($name eq 'unbind') { $bind->unbind_resp(seq => $pdu->{seq}); last; }
  elsif ($name eq 'submit_sm') {
    $count++;
    print "text ", unpack('H*', $pdu->{short_message}), " from $pdu->{source_addr} ton $pdu->{source_addr_ton} to $pdu->{destination_addr}\n";
    if ($count == 2) { $bind->submit_sm_resp(seq => $pdu->{seq}, status => 0x58, message_id => ''); next; }
    $bind->submit_sm_resp(seq => $pdu->{seq}, message_id => "id-$count");
    $bind->deliver_sm(async => 1, esm_class => 4, source_addr => $pdu->{destination_addr}, destination_addr => $pdu->{source_addr},
      short_message => "id:id-$count stat:DELIVRD", message_state => pack('C', 2), receipted_message_id => "id-$count\0");
    $bind->deliver_sm(async => 1, source_addr_ton => 1, source_addr => $pdu->{destination_addr}, destination_addr => '100', short_message => 'reply');
  }
  elsif ($name eq 'deliver_sm_resp') { print "acknowledged $pdu->{status}\n"; }
}
`;

test('Debian’s Net::SMPP takes a bind, messages and acknowledgements, and throttles', async () => {
  if (spawnSync('perl', ['-MNet::SMPP', '-e', '1']).status !== 0) {
    console.warn('Net::SMPP (Debian: libnet-smpp-perl) is missing: the test with it is skipped.');
    return;
  }
  const child: ChildProcess = spawn('perl', ['-e', perlServer], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  const ended = new Promise<void>((done) => output.once('close', done));
  const findLine = (start: string) => lines.find((line) => line.startsWith(start));
  while (!findLine('port ') && child.exitCode === null) await new Promise((done) => setTimeout(done, 10));
  const port = Number(findLine('port ')?.slice(5));
  await using world = await startSmppWorld({ port });
  const session = await world.open({ enquireLinkSeconds: 5, sourceAddress: 'Harbour' });
  expect(await session.send(world.createMessage({ text: 'héllo €[]' }))).toMatchObject({
    kind: 'accepted',
    externalIds: ['id-1'],
  });
  // What it prints arrives after what it sends.
  await world.waitFor(() => lines.filter((line) => line === 'acknowledged 0').length === 2);
  expect(lines).toContain('text 68056c6c6f201b651b3c1b3e from Harbour ton 5 to 12025550143');
  expect(world.listReceipts()).toMatchObject([{ externalId: 'id-1', state: 'delivered' }]);
  expect(world.listInbound()).toMatchObject([{ from: '+12025550143', text: 'reply' }]);
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'unavailable', code: 'ESME_RTHROTTLED' });
  await world.clock.tick(5_000);
  await world.waitFor(() => lines.includes('enquire_link'));
  await session.close();
  await ended;
  expect(lines.at(-1)).toBe('unbind');
});
