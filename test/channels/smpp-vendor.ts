import type { WebhookRequest } from '../../src/channels/channel.ts';
import { createSmppChannel } from '../../src/channels/smpp/smpp.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/ids.ts';
import { createSmsc, type SmscFault } from '../../src/sandbox/vendors/smpp.ts';
import { adaptSession } from './session-under-test.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

const faults: Readonly<Record<string, SmscFault>> = {
  reject: { kind: 'status', status: 0x0b },
  throttle: { kind: 'status', status: 0x58 },
  server_error: { kind: 'status', status: 0x08 },
  hang: { kind: 'hang' },
  cut_after_request: { kind: 'cut' },
};

/** Starts the simulated carrier and a channel for it. */
export async function startSmppVendor(): Promise<VendorUnderTest> {
  const smsc = createSmsc({ clock: systemClock, random: systemRandom });
  const port = await smsc.listen(0);
  const { systemId, password } = smsc.state.account;
  const config = { host: '127.0.0.1', port, systemId, password, sourceAddress: '+12025550100' };

  const toRequest = (body: object): WebhookRequest => ({
    ...{ method: 'POST', path: 'session', query: new URLSearchParams(), headers: {} },
    body: Buffer.from(JSON.stringify(body)),
  });

  async function push({ body }: WebhookRequest): Promise<void> {
    const what = JSON.parse(body.toString()) as {
      text?: { from: string; to: string; text: string };
      id?: number;
      state?: string;
    };
    if (what.text) return smsc.waitForAcknowledgement(smsc.receive(what.text));
    const id = what.id ?? 0;
    return smsc.waitForAcknowledgement(what.state === 'failed' ? smsc.fail(id) : smsc.deliver(id));
  }

  return {
    name: 'smpp',
    channel: adaptSession(createSmppChannel({ allowPrivateTargets: true }), push),
    config,
    secrets: [password],
    wrongConfig: { ...config, password: 'wrong' },
    has: {
      ...{ receipts: true, read: false, lookUp: false, attachments: false, optOuts: false, throttleTime: false },
      ...{ authenticatedMedia: false, inboundFiles: false, inboundIds: false },
    },
    // It gives messages of contacts none, so that ours are random.
    toExternalId: () => expect.any(String) as unknown as string,
    behave(next: VendorBehaviour) {
      const isRefused = next === 'wrong_credentials';
      smsc.state.account.isRefused = isRefused;
      if (isRefused) smsc.unbindAll();
      smsc.setFault(typeof next === 'string' ? (faults[next] ?? null) : null);
    },
    listSends: () =>
      smsc.state.messages.map(({ ids, to, text }) => ({
        externalId: (ids[0] as number).toString(16).padStart(8, '0'),
        ...{ to: `+${to}`, text, attachments: [] },
      })),
    countRequests: () => smsc.counts.submits,
    violations: smsc.violations,
    receipt: (_url, { externalId }, _id, state) => toRequest({ id: Number.parseInt(externalId, 16), state }),
    inbound: (_url, { from, text }) => toRequest({ text: { from, to: '+12025550100', text } }),
    optOut: (_url, from, optedOut) => toRequest({ text: { from, to: '+12025550100', text: optedOut ? 'STOP' : 'START' } }),
    push,
    forge: (request) => request,
    close: () => smsc.close(),
  };
}
