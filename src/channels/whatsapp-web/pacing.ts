import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { ChannelContext, DefaultDelivery, OutboundMessage } from '../channel.ts';
import { parseDeliverySettings } from '../delivery-settings.ts';

/**
 * Pacing of a connection that sets none. WhatsApp restricts numbers that write to many people in a short time, and names no figures; these
 * are ours: a message in two to six seconds, one after the other, and a cap for a number that has not been in use for long.
 */
export const defaultDelivery: DefaultDelivery = { ratePerSecond: 0.25, concurrency: 1, dailyCap: 250 };

const maxJitterMs = 2_000;

/**
 * Computes the wait before a message: up to half of the time between two of them. It follows from the message's id, so that no source of
 * chance is needed, and a retry waits for as long.
 */
export function computeJitterMs(config: object, { id }: Pick<OutboundMessage, 'id'>): number {
  const { ratePerSecond = 1 } = parseDeliverySettings(config, defaultDelivery);
  const share = createHash('sha256').update(id).digest().readUInt16BE() / 0xffff;
  return Math.round(Math.min(maxJitterMs, 500 / ratePerSecond) * share);
}

/** Waits before a send. @returns false when the program stops: the message was not sent */
export async function waitBeforeSend(
  context: Pick<ChannelContext<object>, 'clock' | 'signal' | 'connection'>,
  message: Pick<OutboundMessage, 'id'>,
): Promise<boolean> {
  const ms = computeJitterMs(context.connection.config, message);
  return ms === 0 ? !context.signal.aborted : sleepUnlessStopped(context.clock, ms, context.signal);
}

function sleepUnlessStopped(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const stop = () => {
      clock.clearTimeout(timer);
      resolve(false);
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve(true);
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
