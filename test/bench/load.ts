import { connect } from 'node:net';

/** Figures of a run under load. */
export interface LoadFigures {
  perSecond: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** Count of responses other than 2xx. */
  rejected: number;
  /** With `readCpuMs`: the program's processor time between request and response. */
  cpuP50Ms: number;
  cpuP95Ms: number;
}

export interface SignedRequest {
  path: string;
  body: string;
  signature: string;
}

/**
 * Sends requests over so many connections, each as soon as its connection has the last response, or at a given rate. Plain sockets,
 * as an HTTP client would take the time that is to be measured.
 */
export async function runLoad(
  url: string,
  requests: readonly SignedRequest[],
  options: { connections: number; perSecond?: number; readCpuMs?: () => number },
): Promise<LoadFigures> {
  const { hostname, port } = new URL(url);
  const bytes = requests.map(({ path, body, signature }) =>
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\nx-ghl-signature: ${signature}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  );
  const times: number[] = [];
  const cpuTimes: number[] = [];
  let rejected = 0;
  let next = 0;
  const startedAt = performance.now();

  async function worker(): Promise<void> {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await new Promise((done, failed) => socket.once('connect', done).once('error', failed));
    while (next < bytes.length) {
      const index = next++;
      // At a rate, a late request counts from its due time, not from the time it could leave.
      const dueAt = options.perSecond ? startedAt + (1000 * index) / options.perSecond : performance.now();
      if (dueAt > performance.now()) await new Promise((done) => setTimeout(done, dueAt - performance.now()));
      const responded = new Promise<Buffer>((done, failed) => socket.once('data', done).once('close', failed));
      const cpuMs = options.readCpuMs?.() ?? 0;
      socket.write(bytes[index] as Buffer);
      const response = await responded;
      socket.removeAllListeners('close');
      times.push(performance.now() - dueAt);
      cpuTimes.push((options.readCpuMs?.() ?? 0) - cpuMs);
      if (response.subarray(9, 10).toString() !== '2') rejected += 1;
    }
    socket.destroy();
  }
  await Promise.all(Array.from({ length: options.connections }, worker));

  const durationMs = performance.now() - startedAt;
  const at = (values: readonly number[], part: number) => {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0;
  };
  return {
    perSecond: (1000 * times.length) / durationMs,
    p50Ms: at(times, 0.5),
    p95Ms: at(times, 0.95),
    p99Ms: at(times, 0.99),
    rejected,
    cpuP50Ms: at(cpuTimes, 0.5),
    cpuP95Ms: at(cpuTimes, 0.95),
  };
}

/** Throws unless every webhook was accepted: else the figures do not count. */
export function requireAllAccepted(figures: LoadFigures): LoadFigures {
  if (figures.rejected > 0) throw new Error(`${figures.rejected} webhooks were refused.`);
  return figures;
}
