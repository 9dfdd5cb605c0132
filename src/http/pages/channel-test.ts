import type { ChannelPageDeps } from './channel-place.ts';
import { reasonText, type Text } from './texts.ts';

interface TestOf {
  locationId: string;
  providerKey: string;
  id: string;
}

/** One stage of a test: when it was reached, or that it is what is waited for now. */
interface Step {
  name: 'queued' | 'sending' | 'accepted' | 'delivered' | 'read' | 'failed' | 'unknown';
  at: Date | null;
  state: 'done' | 'now' | 'later' | 'bad';
}

/** A test message and how far it has come. Only a test of this very place is found. */
export async function testShown(deps: Pick<ChannelPageDeps, 'db'>, text: Text, { id, ...place }: TestOf) {
  const message = await deps.db.client.message.findFirst({
    where: { id, ...place, isTest: true },
    include: { attempts: { orderBy: { begunAt: 'asc' } }, receipts: { orderBy: { receivedAt: 'asc' } } },
  });
  if (!message) return null;
  const last = message.attempts.at(-1);
  const hasEnded = last?.endedAt ?? null;
  const wasTaken = last?.outcome === 'accepted' || last?.outcome === 'delivered';
  const said = (state: string) => message.receipts.find((receipt) => receipt.state === state)?.receivedAt ?? null;
  const hasArrived = message.state === 'delivered' || message.state === 'read';
  const hasFailed = message.state === 'failed';
  const isUnknown = message.unknownSince !== null;

  const steps: Step[] = [
    { name: 'queued', at: message.createdAt, state: 'done' },
    { name: 'sending', at: last?.begunAt ?? null, state: last ? 'done' : hasFailed ? 'later' : 'now' },
  ];
  if (wasTaken || (!hasFailed && !isUnknown)) {
    steps.push({
      name: 'accepted',
      at: wasTaken ? hasEnded : null,
      state: wasTaken || hasArrived ? 'done' : last ? 'now' : 'later',
    });
  }
  if (isUnknown) steps.push({ name: 'unknown', at: message.unknownSince, state: 'bad' });
  else if (hasFailed) steps.push({ name: 'failed', at: said('failed') ?? hasEnded ?? message.updatedAt, state: 'bad' });
  else {
    const at = hasArrived ? (said('delivered') ?? said('read') ?? hasEnded) : null;
    steps.push({ name: 'delivered', at, state: hasArrived ? 'done' : wasTaken ? 'now' : 'later' });
  }
  if (message.state === 'read') steps.push({ name: 'read', at: said('read'), state: 'done' });
  return {
    id: message.id,
    to: message.to,
    text: message.text,
    state: isUnknown ? ('unknown' as const) : message.state,
    isOver: hasArrived || hasFailed || isUnknown,
    steps,
    reason:
      message.reasonCode && message.reason ? reasonText(text, { code: message.reasonCode, message: message.reason }) : null,
    answer: last?.answer ?? null,
  };
}

/** Changes with every step of a test. */
export async function testVersion({ db }: Pick<ChannelPageDeps, 'db'>, { id, ...place }: TestOf): Promise<unknown> {
  return db.client.message.findFirst({
    where: { id, ...place, isTest: true },
    select: {
      state: true,
      reasonCode: true,
      unknownSince: true,
      attempts: { select: { endedAt: true } },
      receipts: { select: { state: true } },
    },
  });
}
