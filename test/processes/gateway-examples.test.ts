import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { listen } from '../support/http.ts';

const root = resolve(import.meta.dirname, '../..');
const secret = `whsec_${randomBytes(32).toString('base64')}`;

async function findFreePort(): Promise<string> {
  const { url, close } = await listen();
  await close();
  return new URL(url).port;
}

/** Runs the command of the conformance check. */
async function checkGateway(url: string, port: string, more: string[] = []) {
  const args = [
    '--disable-warning=ExperimentalWarning',
    'src/commands/check-gateway.ts',
    url,
    '--secret',
    secret,
    '--listen',
    port,
  ];
  const child = spawn(process.execPath, [...args, ...more], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, lines: output.split('\n').filter((line) => /^(ok|failed|skipped) /.test(line)) };
}

/** Starts an example, and resolves when it takes connections. */
async function startExample(command: (port: string) => string[], port: string, callbackPort: string): Promise<ChildProcess> {
  const [program = '', ...args] = command(port);
  const env = {
    ...process.env,
    PORT: port,
    GATEWAY_SECRET: secret,
    CALLBACK_URL: `http://127.0.0.1:${callbackPort}/channels/check`,
  };
  const child = spawn(program, args, { cwd: resolve(root, 'examples'), env, stdio: ['ignore', 'ignore', 'inherit'] });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}.`);
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (isUp) return child;
    await new Promise((next) => setTimeout(next, 50));
  }
}

const examples: Record<string, (port: string) => string[]> = {
  node: () => [process.execPath, 'gateway-node/gateway.mjs'],
  python3: () => ['python3', 'gateway-python/gateway.py'],
  php: (port) => ['php', '-S', `127.0.0.1:${port}`, 'gateway-php/gateway.php'],
};

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

for (const [name, command] of Object.entries(examples)) {
  const title = `the example gateway in ${name} passes the whole conformance check`;
  if (!isInstalled(name)) {
    test(`not tried, as ${name} is not installed: ${title}`, () => {
      console.log(`Install ${name} to try its example gateway.`);
    });
    continue;
  }
  test(title, async () => {
    const [port, callbackPort] = [await findFreePort(), await findFreePort()];
    const child = await startExample(command, port, callbackPort);
    try {
      const url = `http://127.0.0.1:${port}/send`;
      const { code, lines } = await checkGateway(url, callbackPort, ['--rejects', '+15005550001', '--busy', '+15005550002']);
      expect(lines.filter((line) => !line.startsWith('ok'))).toEqual([]);
      expect([code, lines.length]).toEqual([0, 14]);
    } finally {
      child.kill('SIGKILL');
    }
  });
}

test('a gateway that verifies and remembers nothing fails the check, line by line with what to do', async () => {
  let count = 0;
  const gateway = await listen((_request, response) => {
    count += 1;
    response.end(JSON.stringify({ externalId: String(count) }));
  });
  const { code, lines } = await checkGateway(gateway.url, await findFreePort(), ['--wait', '0']);
  await gateway.close();
  expect(code).toBe(1);
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^failed +a request without a signature is refused: it responded 200 instead of 401/),
      expect.stringMatching(/^ok +a message is accepted/),
      expect.stringMatching(/^failed +a repeat of the same webhook-id is sent once .*keep the response by webhook-id/),
      expect.stringMatching(/^failed +an address that is none is refused for good/),
      expect.stringMatching(/^skipped +a number that is refused for now: name a number with --busy/),
      expect.stringMatching(/^failed +the state of the message is called back, signed: no valid callback came/),
    ]),
  );
});
