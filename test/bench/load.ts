import { connect } from 'node:net';

/** What a run under load has shown. */
export interface LoadFigures {
  perSecond: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** Answers that were no 2xx. */
  refused: number;
  /** With `readCpuMs`: what the clock of the program's processor time said between request and response. */
  cpuP50Ms: number;
  cpuP95Ms: number;
}

export interface SignedRequest {
  path: string;
  body: string;
  signature: string;
}

/**
 * Sends requests over so many connections, each as soon as its last one is answered, or at a given rate. On plain sockets, as an HTTP
 * client would take the time that is to be measured.
 */
export async function underLoad(
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
  let refused = 0;
  let next = 0;
  const begunAt = performance.now();

  async function worker(): Promise<void> {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await new Promise((done, failed) => socket.once('connect', done).once('error', failed));
    while (next < bytes.length) {
      const index = next++;
      // At a rate, a late request counts from when it was due, not from when it could leave.
      const dueAt = options.perSecond ? begunAt + (1000 * index) / options.perSecond : performance.now();
      if (dueAt > performance.now()) await new Promise((done) => setTimeout(done, dueAt - performance.now()));
      const answered = new Promise<Buffer>((done, failed) => socket.once('data', done).once('close', failed));
      const cpuMs = options.readCpuMs?.() ?? 0;
      socket.write(bytes[index] as Buffer);
      const answer = await answered;
      socket.removeAllListeners('close');
      times.push(performance.now() - dueAt);
      cpuTimes.push((options.readCpuMs?.() ?? 0) - cpuMs);
      if (answer.subarray(9, 10).toString() !== '2') refused += 1;
    }
    socket.destroy();
  }
  await Promise.all(Array.from({ length: options.connections }, worker));

  const lastedMs = performance.now() - begunAt;
  const at = (values: readonly number[], part: number) => {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0;
  };
  return {
    perSecond: (1000 * times.length) / lastedMs,
    p50Ms: at(times, 0.5),
    p95Ms: at(times, 0.95),
    p99Ms: at(times, 0.99),
    refused,
    cpuP50Ms: at(cpuTimes, 0.5),
    cpuP95Ms: at(cpuTimes, 0.95),
  };
}

/** A figure counts only when every webhook was taken. */
export function takenAll(figures: LoadFigures): LoadFigures {
  if (figures.refused > 0) throw new Error(`${figures.refused} webhooks were refused.`);
  return figures;
}
