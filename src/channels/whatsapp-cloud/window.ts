import type { OutboundMessage } from '../channel.ts';
import type { WhatsAppContext } from './config.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** Time in which a message is on its way: Meta decides by its own clock. */
const marginMs = 60 * 1000;

/** Durable state of a connection. */
export interface WhatsAppState {
  /** Milliseconds since 1970 at which the webhooks were first registered: messages of contacts are known since then. */
  readonly receivingSince: number;
}

/**
 * Returns whether WhatsApp accepts free text: for 24 hours after the contact's last message. No call says so. Without a known message the
 * window is open or closed in the first day of a connection, and closed after it.
 */
export async function getWindow(
  context: WhatsAppContext,
  { lastInboundAt }: Pick<OutboundMessage, 'lastInboundAt'>,
): Promise<'open' | 'closed' | 'unknown'> {
  const now = context.clock.now();
  if (lastInboundAt) return now < lastInboundAt.getTime() + dayMs - marginMs ? 'open' : 'closed';
  const state = await context.state.get<WhatsAppState>();
  return state && now > state.receivingSince + dayMs ? 'closed' : 'unknown';
}
