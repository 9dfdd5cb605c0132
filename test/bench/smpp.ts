import type { SmppContext } from '../../src/channels/smpp/config.ts';
import { openSmppSession } from '../../src/channels/smpp/session.ts';
import { createSmppChannel } from '../../src/channels/smpp/smpp.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/ids.ts';
import { createSocketOpener } from '../../src/runtime/guarded-socket.ts';
import { createSmsc } from '../../src/sandbox/vendors/smpp.ts';

/** `npm run bench:smpp`: messages a second through one bind with a window of 50, at a carrier that responds after 100 ms and reports each message. */
const count = 4_000;
const window = 50;
const responseDelayMs = 100;

const smsc = createSmsc({
  clock: systemClock,
  random: systemRandom,
  responseDelayMs,
  onMessage: ({ ids }) => void smsc.deliver(ids[0] as number),
});
const port = await smsc.listen(0);
const { systemId, password } = smsc.state.account;
const channel = createSmppChannel({ allowPrivateTargets: true });
const config = channel.configSchema.parse({ host: '127.0.0.1', port, systemId, password, window });
let receiptCount = 0;
const context = {
  connection: { id: 'bench', config, webhookUrl: '' },
  openSocket: createSocketOpener({ clock: systemClock, allowPrivateTargets: true }),
  state: { get: async () => null, set: async () => {} },
  clock: systemClock,
  log: { info() {}, warn() {}, debug() {} },
  signal: new AbortController().signal,
} as unknown as SmppContext;
const session = await openSmppSession(context, async (events) => {
  receiptCount += events.length;
});
const startedAt = performance.now();
let next = 0;
let acceptedCount = 0;
const sendNext = async (): Promise<void> => {
  while (next < count) {
    const id = String(next++);
    const outcome = await session.send?.({
      id,
      idempotencyKey: id,
      to: '+12025550143',
      from: null,
      text: `message ${id}`,
      attachments: [],
      acceptedParts: [],
    } as never);
    if (outcome?.kind === 'accepted') acceptedCount += 1;
  }
};
await Promise.all(Array.from({ length: window }, sendNext));
const seconds = (performance.now() - startedAt) / 1_000;
console.log(
  `${acceptedCount} of ${count} messages in ${seconds.toFixed(1)} s: ${Math.round(count / seconds)} a second, ${receiptCount} receipts; window ${window}, responses after ${responseDelayMs} ms`,
);
await session.close();
await smsc.close();
process.exit(acceptedCount === count ? 0 : 1);
