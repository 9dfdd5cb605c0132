import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Reason why the real mail servers can't run here; null where they can. They need root, as they change users. */
export function findMissingMailServers(): string | null {
  const missing = ['/usr/sbin/postfix', '/usr/sbin/dovecot', '/usr/bin/openssl'].filter((path) => !existsSync(path));
  if (missing.length > 0) return `${missing.join(', ')} not found`;
  if (process.getuid?.() !== 0) return 'not root';
  const version = execFileSync('/usr/sbin/dovecot', ['--version'], { encoding: 'utf8' });
  return version.startsWith('2.3.') ? null : `Dovecot ${version.trim()} has another configuration`;
}

export type MailServers = Awaited<ReturnType<typeof startMailServers>>;

const password = 'mailbox-password';

/**
 * Starts a real Postfix and a real Dovecot on free ports, with a mailbox for each name at `inbox.test`. Mail to
 * `slow.test` is delayed for a second and returned after five.
 *
 * @param nextHopPort server that gets mail to `next.test`
 */
export async function startMailServers(names: readonly string[], nextHopPort: number) {
  const folder = mkdtempSync(join(tmpdir(), 'patchbay-mail-'));
  chmodSync(folder, 0o755);
  const [smtpPort, imapPort, imapsPort] = [await findFreePort(), await findFreePort(), await findFreePort()];
  mkdirSync(join(folder, 'mail'));
  execFileSync('chown', ['mail:mail', join(folder, 'mail')]);
  createCertificate(folder);
  writeDovecotConfig(folder, imapPort, imapsPort);
  writePostfixConfig(folder, smtpPort, names, nextHopPort);
  let dovecot = startDovecot(folder);
  const postfix = spawn('/usr/sbin/postfix', ['-c', join(folder, 'postfix'), 'start-fg'], { stdio: 'ignore', detached: true });
  await Promise.all([smtpPort, imapPort].map(awaitPort));

  return {
    folder,
    ...{ smtpPort, imapPort, imapsPort, password },
    certificate: readFileSync(join(folder, 'cert.pem'), 'utf8'),
    /** Puts a mail into a mailbox, as a delivery does. */
    deliver(name: string, raw: string, count = 1) {
      const folderOfNew = join(folder, 'mail', name, 'new');
      for (const one of ['new', 'cur', 'tmp']) mkdirSync(join(folder, 'mail', name, one), { recursive: true });
      for (let index = 0; index < count; index += 1) {
        delivered += 1;
        writeFileSync(
          join(folderOfNew, `${1_700_000_000 + delivered}.M${delivered}.test`),
          raw.replaceAll('{n}', String(delivered)),
        );
      }
      execFileSync('chown', ['-R', 'mail:mail', join(folder, 'mail', name)]);
    },
    listMails(name: string): string[] {
      const box = join(folder, 'mail', name);
      return ['new', 'cur'].flatMap((one) =>
        existsSync(join(box, one)) ? readdirSync(join(box, one)).map((file) => readFileSync(join(box, one, file), 'utf8')) : [],
      );
    },
    getUidValidity: (name: string) => / V(\d+) /.exec(readFileSync(join(folder, 'mail', name, 'dovecot-uidlist'), 'utf8'))?.[1],
    /** Makes Dovecot forget its index: the mailbox is numbered anew. */
    async renumber(name: string) {
      await stop(dovecot);
      for (const file of readdirSync(join(folder, 'mail', name))) {
        if (file.startsWith('dovecot')) rmSync(join(folder, 'mail', name, file), { recursive: true });
      }
      await new Promise((done) => setTimeout(done, 1_100));
      dovecot = startDovecot(folder);
      await awaitPort(imapPort);
    },
    /** Ends Dovecot with all its sessions and starts it again. @param meanwhile runs while no server is there */
    async restartImap(meanwhile: () => void = () => {}) {
      await stop(dovecot);
      meanwhile();
      dovecot = startDovecot(folder);
      await awaitPort(imapPort);
    },
    async close() {
      process.kill(Number(readFileSync(join(folder, 'spool/pid/master.pid'), 'utf8')), 'SIGTERM');
      await Promise.all([stop(dovecot), stop(postfix)]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let delivered = 0;

function createCertificate(folder: string): void {
  execFileSync(
    '/usr/bin/openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
    ],
    { stdio: 'ignore' },
  );
}

function startDovecot(folder: string): ChildProcess {
  // A process group of its own: sessions outlive the server by seconds.
  return spawn('/usr/sbin/dovecot', ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: 'ignore', detached: true });
}

async function stop(child: ChildProcess): Promise<void> {
  const hasEnded = child.exitCode !== null || child.signalCode !== null;
  const exited = hasEnded ? null : new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await Promise.race([exited, new Promise((done) => setTimeout(done, 5_000))]);
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // No process of the group is left.
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

async function awaitPort(port: number): Promise<void> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    const isOpen = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        done(true);
      });
      socket.on('error', () => done(false));
    });
    if (isOpen) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`No server listens on port ${port}.`);
}

function writeDovecotConfig(folder: string, imapPort: number, imapsPort: number): void {
  const config = `
protocols = imap
listen = 127.0.0.1
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
ssl = yes
ssl_cert = <${folder}/cert.pem
ssl_key = <${folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:${folder}/mail/%n
mail_uid = mail
mail_gid = mail
first_valid_uid = 8
first_valid_gid = 8
default_internal_user = mail
default_internal_group = mail
default_login_user = nobody
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=8 gid=8 home=${folder}/mail/%n
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = ${imapPort}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${imapsPort}
  }
}
service stats {
  chroot =
}
service anvil {
  chroot =
}
service auth {
  unix_listener ${folder}/auth {
    mode = 0666
  }
}
namespace inbox {
  inbox = yes
  mailbox Sent {
    special_use = \\Sent
    auto = create
  }
}
`;
  writeFileSync(join(folder, 'dovecot.conf'), config);
}

function writePostfixConfig(folder: string, smtpPort: number, names: readonly string[], nextHopPort: number): void {
  const config = join(folder, 'postfix');
  for (const one of ['postfix', 'spool', 'data']) mkdirSync(join(folder, one));
  execFileSync('chown', ['mail:mail', join(folder, 'data')]);
  const boxes = names.map((name) => `{${name}@inbox.test=${name}/}`).join(' ');
  writeFileSync(
    join(config, 'main.cf'),
    `
compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = mail
setgid_group = uucp
default_privs = nobody
maillog_file = ${folder}/postfix.log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.peer.test
mydestination =
local_recipient_maps =
alias_maps =
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${folder}/auth
smtpd_tls_cert_file = ${folder}/cert.pem
smtpd_tls_key_file = ${folder}/key.pem
smtpd_tls_security_level = may
virtual_mailbox_domains = inbox.test
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = inline:{ ${boxes} }
virtual_uid_maps = static:8
virtual_gid_maps = static:8
virtual_minimum_uid = 8
recipient_delimiter = +
message_size_limit = 26214400
transport_maps = inline:{ {next.test=smtp:[127.0.0.1]:${nextHopPort}} {slow.test=smtp:[127.0.0.1]:1} }
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
delay_warning_time = 1s
maximal_queue_lifetime = 5s
default_transport = error:5.4.4 no route in this test
smtpd_relay_restrictions = permit_sasl_authenticated reject
smtpd_recipient_restrictions = check_recipient_access inline:{ {refused@inbox.test=550 5.7.1 not wanted} {grey@inbox.test=450 4.2.0 greylisted} }
notify_classes =
`,
  );
  const services = `
127.0.0.1:${smtpPort} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
  writeFileSync(join(config, 'master.cf'), services);
  // A server that reports each delivery to anna, whether or not it was asked to.
}
