import type { World } from './world.ts';

/** A real stream of events, and what it has said so far. @param token of a user; null for other headers */
export async function openStream(
  world: World,
  token: string | null,
  path = '/embed/live/',
  headers: Record<string, string> = {},
) {
  const stop = new AbortController();
  const response = await fetch(`${world.url}${path}`, {
    headers: { ...headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    signal: stop.signal,
  });
  const stream = { status: response.status, received: '', hasEnded: false, stop: () => stop.abort() };
  const read = async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) stream.received += chunk;
  };
  void read()
    .catch(() => {})
    .finally(() => {
      stream.hasEnded = true;
    });
  return stream;
}
