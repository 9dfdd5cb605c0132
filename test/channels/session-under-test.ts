import type { Channel, ChannelContext, ChannelEvent, OpenSession, WebhookRequest } from '../../src/channels/channel.ts';

/**
 * Adapts a channel that sends through its session to the sentences about a channel alone: each send and each webhook opens a session and closes it
 * again, as the owner of sessions does. Its state outlives the session.
 *
 * @param push hands over what a webhook says, and waits for the acknowledgement
 */
export function adaptSession(channel: Channel, push: (request: WebhookRequest) => Promise<void>): Channel {
  const session = channel.session as NonNullable<Channel['session']>;

  async function withSession<T>(
    context: ChannelContext<object>,
    work: (opened: OpenSession, events: readonly ChannelEvent[]) => Promise<T>,
  ): Promise<T> {
    const events: ChannelEvent[] = [];
    const opened = await session.open(context, async (emitted, state) => {
      events.push(...emitted);
      if (state !== undefined) await context.state.set(state);
    });
    const stop = () => void opened.close();
    context.signal.addEventListener('abort', stop);
    try {
      return await work(opened, events);
    } finally {
      context.signal.removeEventListener('abort', stop);
      await opened.close();
    }
  }

  return {
    ...channel,
    async send(context, message) {
      try {
        return await withSession(context, async ({ send, closed }) => {
          const ended = await Promise.race([closed, Promise.resolve('open' as const)]);
          if (ended !== 'open' && ended !== null) return { kind: 'connection_error', ...ended };
          return send?.(message) ?? { kind: 'unavailable', code: 'session_closed', message: 'It sends nothing.' };
        });
      } catch (error) {
        return { kind: 'unavailable', code: 'session_closed', message: String((error as Error).message) };
      }
    },
    webhooks: {
      paths: [],
      receive: (context, request) =>
        withSession(context, async (_opened, events) => {
          await push(request);
          return { events: [...events] };
        }),
    },
  };
}
