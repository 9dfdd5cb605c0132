import { type FarSideAnswer, type FarSideRequest, startFarSide } from '../support/far-side.ts';
import { chanceOf } from './chance.ts';
import { wait } from './crm.ts';
import type { Mishap, Plan, PlannedMessage } from './plan.ts';
import type { Poster } from './posts.ts';

export type Gateway = Awaited<ReturnType<typeof startGateway>>;

/** A message that has reached its contact. */
export interface Taken {
  id: string;
  number: number;
  to: string;
}

const againAfterMs = [150, 600] as const;

/** A far side that drops repeats, fails as the plan says, and tells what became of each message until it is heard. */
export async function startGateway(plan: Plan, poster: Poster, elapsed: () => number) {
  const chance = chanceOf(plan.seed + 2);
  const farSide = await startFarSide();
  /** In the order in which they reached somebody. */
  const taken = new Map<string, Taken>();
  const requestsOf = new Map<string, number>();
  /** What each contact has answered, in order. */
  const answered = new Map<string, string[]>();
  const lastAnswer = new Map<string, Promise<void>>();
  const callbacks = new Map<string, string>();
  const unheard = new Set<Promise<void>>();
  let isFlapping = false;
  let mishaps = 0;
  let isClosed = false;

  farSide.answers(async (request) => {
    const { id, text, to } = request.body;
    const number = Number(text?.split(' ')[1]);
    const planned = plan.list[number] as PlannedMessage;
    const tries = requestsOf.get(id) ?? 0;
    requestsOf.set(id, tries + 1);
    const mishap = mishapOf(planned, tries);
    if (mishap) mishaps += 1;
    switch (mishap) {
      case 'cut':
      case 'hang':
        return mishap;
      case 429:
        return { status: 429, headers: { 'retry-after': '1' }, body: { error: { code: 'slow', message: 'Slow down.' } } };
      case 500:
      case 503:
        return { status: mishap, body: 'Service unavailable' };
    }
    if (planned.answersAfterMs > 0) await wait(planned.answersAfterMs);
    if (planned.fate === 'refused') return { status: 422, body: { error: { code: '21610', message: 'Opted out.' } } };
    const isNew = !taken.has(id);
    if (isNew) {
      taken.set(id, { id, number, to });
      keep(reach(request, planned));
    }
    if (isNew && planned.receipts.beforeAnswer && planned.answersAfterMs > 0) await wait(planned.answersAfterMs);
    if (mishap === 'taken, then cut') return 'cut';
    if (mishap === 'taken, then hang') return 'hang';
    return answerOf(planned, id);
  });

  function mishapOf(planned: PlannedMessage, tries: number): Mishap | undefined {
    const now = elapsed();
    const isDown = plan.gatewayDown.some(({ from, to }) => now >= from && now < to);
    if (!isFlapping || tries >= plan.mishapsAtMost) return undefined;
    return isDown ? chance.pick(['cut', 503, 503, 429] as const) : planned.mishaps[tries];
  }

  /** What follows when a message has reached its contact. */
  async function reach({ body }: FarSideRequest, planned: PlannedMessage): Promise<void> {
    const place = String(body.locationId);
    keep(answerInTurn(place, body.to, planned));
    const { receipts, answersAfterMs, fate } = planned;
    if (!receipts.beforeAnswer) await wait(answersAfterMs + 50);
    const name = receipts.byId ? { id: body.id } : { externalId: externalIdOf(body.id) };
    const said = receiptsOf(planned);
    for (const status of said) {
      const error = status === 'failed' ? { error: { code: '30003', message: 'Unreachable handset.' } } : {};
      await tell(place, 'status', { ...name, status, ...error });
      if (receipts.again) keep(tell(place, 'status', { ...name, status, ...error }));
      // A failure that is taken back is so after a while.
      if (fate === 'failed, delivered after all') await wait(chance.between(0, 1_500));
    }
  }

  /** A contact types one answer after the other. */
  function answerInTurn(place: string, from: string, planned: PlannedMessage): Promise<void> {
    const turn = (lastAnswer.get(from) ?? Promise.resolve()).then(async () => {
      const externalId = `answer-${planned.number}`;
      const content = { externalId, from, text: `answer ${planned.number}` };
      await tell(place, 'inbound', content);
      answered.set(from, [...(answered.get(from) ?? []), externalId]);
      if (planned.answerIsRepeated) keep(tell(place, 'inbound', content));
    });
    lastAnswer.set(from, turn);
    return turn;
  }

  /** Posts until it is heard. */
  async function tell(locationId: string, event: string, content: unknown): Promise<void> {
    while (!isClosed) {
      const { body, headers } = farSide.signed(content);
      const address = `${callbacks.get(locationId)}/${event}`;
      const status = await poster.http.post(address, body, { headers }).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status >= 200 && status < 300) return;
      await wait(chance.between(...againAfterMs));
    }
  }

  function keep(work: Promise<void>): void {
    unheard.add(work);
    void work.finally(() => unheard.delete(work));
  }

  return {
    url: farSide.url,
    secret: farSide.secret,
    taken,
    answered,
    requests: farSide.requests,
    wrongSignatures: farSide.wrongSignatures,
    /** Where the program wants to be called for a location. */
    callBack: (locationId: string, address: string) => void callbacks.set(locationId, address),
    unheard: () => unheard.size,
    mishaps: () => mishaps,
    flap(does: boolean) {
      isFlapping = does;
    },
    close() {
      isClosed = true;
      return farSide.close();
    },
  };
}

function externalIdOf(id: string): string {
  return `far-${id}`;
}

function answerOf({ fate }: PlannedMessage, id: string): FarSideAnswer {
  const status = fate.startsWith('delivered at once') ? 'delivered' : 'accepted';
  return { body: { externalId: externalIdOf(id), status } };
}

function receiptsOf({ fate, receipts }: PlannedMessage): ('delivered' | 'read' | 'failed')[] {
  switch (fate) {
    case 'delivered at once':
    case 'refused':
      return [];
    case 'delivered at once, read':
      return ['read'];
    case 'delivered':
      return ['delivered'];
    case 'delivered, read':
      return receipts.readFirst ? ['read', 'delivered'] : ['delivered', 'read'];
    case 'failed':
      return ['failed'];
    case 'failed, delivered after all':
      return ['failed', 'delivered'];
  }
}
