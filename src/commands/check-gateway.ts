import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createGatewayCheck } from '../channels/gateway/check-gateway.ts';
import { systemClock } from '../core/clock.ts';
import { createIdGenerator, systemRandom } from '../core/ids.ts';
import { createHttpClient } from '../runtime/outbound-http.ts';
import { isSigningSecret } from '../runtime/standard-webhooks.ts';

const usage = `npm run check-gateway -- URL --secret whsec_… [--listen PORT] [--to NUMBER] [--rejects NUMBER] [--busy NUMBER] [--wait SECONDS]

Sends messages to a gateway as Patchbay does, and takes its callbacks at http://127.0.0.1:PORT/channels/check (by default port 8790).
  --to       a number that takes messages, and replies to “ping” (+15005550006)
  --rejects  a number that the gateway refuses for good; --busy: one that it refuses for now
  --wait     seconds to wait for callbacks (10)`;

const requestTimeoutMs = 10_000;

/** Runs `npm run check-gateway`. @returns the exit code */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      secret: { type: 'string' },
      listen: { type: 'string', default: '8790' },
      to: { type: 'string', default: '+15005550006' },
      rejects: { type: 'string' },
      busy: { type: 'string' },
      wait: { type: 'string', default: '10' },
    },
  });
  const [url] = positionals;
  if (!url || !URL.canParse(url) || !values.secret || !isSigningSecret(values.secret)) {
    console.error(usage);
    return 1;
  }
  const check = createGatewayCheck(
    {
      http: createHttpClient({ timeoutMs: requestTimeoutMs, allowPrivateTargets: true }),
      clock: systemClock,
      newId: createIdGenerator(systemClock, systemRandom),
      random: systemRandom,
    },
    {
      url,
      secret: values.secret,
      to: values.to,
      rejectedTo: values.rejects,
      busyTo: values.busy,
      waitMs: Number(values.wait) * 1000,
    },
  );
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [, event] = /^\/channels\/check\/(\w+)$/.exec(request.url ?? '') ?? [];
    const status = event ? check.receive(event, request.headers, Buffer.concat(chunks)) : 404;
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(Number(values.listen), resolve);
  });
  console.log(`Callbacks: http://127.0.0.1:${(server.address() as AddressInfo).port}/channels/check`);
  const results = await check.run(({ name, status, details }) => console.log(`${status.padEnd(8)}${name}: ${details}`));
  server.close();
  server.closeAllConnections();
  return results.some(({ status }) => status === 'failed') ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`The gateway was not checked: ${(error as Error).message}\n\n${usage}`);
  process.exitCode = 1;
}
