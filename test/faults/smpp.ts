import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/ids.ts';
import type { AcceptedPart } from '../../src/sandbox/vendors/smpp/rules.ts';
import type { SimSms } from '../../src/sandbox/vendors/smpp/state.ts';
import { createSmsc, type SimulatedSmsc, type SmscFault } from '../../src/sandbox/vendors/smpp.ts';
import { sleep } from './crm.ts';
import type { AcceptedMessage, Gateway } from './gateway.ts';
import { type Plan, type PlannedMessage, toReplyId } from './plan.ts';
import { createRandom } from './random.ts';

const faults: Record<string, SmscFault> = {
  cut: { kind: 'drop' },
  hang: { kind: 'hang' },
  accept_then_cut: { kind: 'cut' },
  accept_then_hang: { kind: 'hang_after_accepting' },
  429: { kind: 'status', status: 0x58 },
  500: { kind: 'status', status: 0x08 },
  503: { kind: 'status', status: 0x64 },
};

/** The same for a message that the carrier refuses, and so never accepts. */
const faultsBeforeAccepting: typeof faults = {
  ...faults,
  accept_then_cut: { kind: 'drop' },
  accept_then_hang: { kind: 'hang' },
};
const refusal: SmscFault = { kind: 'status', status: 0x0b };
const sender = '+12025550100';

/**
 * Starts a simulated carrier for each location, as an account has one owner: it drops no repeats, breaks binds as planned, also after it has
 * accepted a message, and sends receipts and replies until they are acknowledged.
 */
export async function startSmppVendor(plan: Plan, locationIds: readonly string[], elapsed: () => number): Promise<Gateway> {
  const random = createRandom(plan.seed + 2);
  const accepted = new Map<string, AcceptedMessage>();
  const requests: Gateway['requests'] = [];
  const tries = new Map<number, number>();
  const replies = new Map<string, string[]>();
  const lastReply = new Map<string, Promise<void>>();
  const carriers = new Map<string, SimulatedSmsc>();
  let isFlapping = false;
  let mishapCount = 0;
  let workCount = 0;

  for (const locationId of locationIds) {
    const smsc: SimulatedSmsc = createSmsc({
      ...{ clock: systemClock, random: systemRandom, maxBinds: 1 },
      pickFault,
      onMessage: (message) => void track(reachContact(smsc, locationId, message)),
    });
    await smsc.listen(0);
    carriers.set(locationId, smsc);
  }

  function pickFault({ text }: AcceptedPart): SmscFault | null {
    const planned = toPlanned(text.toString('latin1'));
    const count = tries.get(planned.number) ?? 0;
    tries.set(planned.number, count + 1);
    requests.push({ headers: {}, body: {} as never });
    const isDown = plan.gatewayDown.some(({ from, to }) => elapsed() >= from && elapsed() < to);
    const canFail = isFlapping && count < plan.maxMishaps;
    const mishap = canFail ? (isDown ? random.pick(['cut', 503, 429] as const) : planned.mishaps[count]) : undefined;
    if (mishap !== undefined) mishapCount += 1;
    const isRejected = planned.fate === 'rejected';
    if (mishap !== undefined) return (isRejected ? faultsBeforeAccepting : faults)[mishap] ?? null;
    if (isRejected) return refusal;
    return planned.responseDelayMs > 0 ? { kind: 'late', ms: planned.responseDelayMs } : null;
  }

  async function reachContact(smsc: SimulatedSmsc, locationId: string, { ids, to, text }: SimSms): Promise<void> {
    const planned = toPlanned(text);
    const [id] = ids as [number];
    const phone = `+${to}`;
    accepted.set(`${locationId}-${id}`, { id: String(id), number: planned.number, to: phone });
    void track(replyInTurn(smsc, phone, planned));
    await sleep(planned.receipts.beforeResponse ? 0 : planned.responseDelayMs + 50);
    await smsc.waitForAcknowledgement(planned.fate === 'failed' ? smsc.fail(id) : smsc.deliver(id));
  }

  function replyInTurn(smsc: SimulatedSmsc, from: string, planned: PlannedMessage): Promise<void> {
    const turn = (lastReply.get(from) ?? Promise.resolve()).then(async () => {
      await smsc.waitForAcknowledgement(smsc.receive({ from, to: sender, text: `reply ${planned.number}` }));
      replies.set(from, [...(replies.get(from) ?? []), toReplyId(planned.number)]);
    });
    lastReply.set(from, turn);
    return turn;
  }

  function toPlanned(text: string): PlannedMessage {
    return plan.list[Number(text.split(' ')[1])] as PlannedMessage;
  }

  async function track(work: Promise<void>): Promise<void> {
    workCount += 1;
    await work.finally(() => {
      workCount -= 1;
    });
  }

  return {
    connection: { type: 'smpp', config: {} },
    hasNoLookUp: true,
    createConnection(locationId) {
      const { account, port } = (carriers.get(locationId) as SimulatedSmsc).state;
      const { systemId, password } = account;
      const config = {
        host: '127.0.0.1',
        port,
        systemId,
        password,
        sourceAddress: sender,
        responseTimeoutSeconds: 3,
        whenUnknown: 'ask',
      };
      return { type: 'smpp', config };
    },
    accepted,
    replies,
    requests,
    invalidSignatures: [],
    setWebhookUrl: () => undefined,
    countUndelivered: () => workCount,
    countMishaps: () => mishapCount,
    flap(isOn) {
      isFlapping = isOn;
    },
    async close() {
      await Promise.all([...carriers.values()].map((smsc) => smsc.close()));
    },
  };
}
