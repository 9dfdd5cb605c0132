import { createServer, type Socket } from 'node:net';
import { readJsonLines } from './json-lines.ts';

/** A message that a wire vendor has accepted. */
export interface WireSend {
  readonly externalId: string;
  readonly key: string;
  readonly id: string;
  readonly to: string;
  readonly text: string | null;
  /** Number of the session that brought it. */
  readonly session: number;
}

/** A line of a client: each has one of these. */
interface WireRequest {
  bind?: string;
  send?: Pick<WireSend, 'key' | 'id' | 'to' | 'text'>;
  ack?: number;
}

/** Codes with which it refuses to bind: the account's, or its own. */
export type WireRefusal = 'account_closed' | 'busy';

/**
 * A vendor with sessions: a client binds with a key and then sends messages over the socket; the vendor pushes events and pushes each again, to
 * the next session, until it is acknowledged. Lines of JSON in both directions.
 */
export async function startWireVendor(key = 'wire-key') {
  const sockets = new Map<Socket, number>();
  const sends = new Map<string, WireSend>();
  const events: { seq: number; event: object; isAcknowledged: boolean }[] = [];
  const acknowledged: number[] = [];
  let refusal: WireRefusal | null = null;
  let isSilent = false;
  let sessionCount = 0;
  let maxSessions = 0;
  let bindCount = 0;

  const write = (socket: Socket, line: object) => socket.write(`${JSON.stringify(line)}\n`);
  const push = (socket: Socket, { seq, event }: { seq: number; event: object }) => write(socket, { seq, event });

  const server = createServer((socket) => {
    socket.on('close', () => sockets.delete(socket));
    readJsonLines<WireRequest>(socket, (line) => {
      if (line.bind !== undefined) {
        bindCount += 1;
        const code = line.bind === key ? refusal : 'wrong_key';
        if (code) return void write(socket, { refused: code });
        sessionCount += 1;
        sockets.set(socket, sessionCount);
        maxSessions = Math.max(maxSessions, sockets.size);
        write(socket, { bound: sessionCount });
        for (const event of events) if (!event.isAcknowledged) push(socket, event);
      } else if (line.send) {
        const known = sends.get(line.send.key);
        const send = known ?? { ...line.send, externalId: `w-${sends.size + 1}`, session: sockets.get(socket) as number };
        sends.set(send.key, send);
        if (!isSilent) write(socket, { sent: line.send.key, externalId: send.externalId });
      } else if (line.ack !== undefined) {
        acknowledged.push(line.ack);
        const event = events.find(({ seq }) => seq === line.ack);
        if (event) event.isAcknowledged = true;
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));

  return {
    key,
    port: (server.address() as { port: number }).port,
    /** What it has accepted, in order; a repeat of a key counts once. */
    listSends: (): WireSend[] => [...sends.values()],
    acknowledged,
    countSessions: () => sockets.size,
    /** Most sessions that were open at the same time. */
    getMaxSessions: () => maxSessions,
    countBinds: () => bindCount,
    getSessionNumber: () => sessionCount,
    /** Pushes an event to the open session, or to the next one. @returns its number */
    push(event: object): number {
      const entry = { seq: events.length + 1, event, isAcknowledged: false };
      events.push(entry);
      for (const socket of sockets.keys()) push(socket, entry);
      return entry.seq;
    },
    /** Refuses later binds and ends the open sessions for the same reason. */
    refuse(code: WireRefusal | null) {
      refusal = code;
      for (const socket of sockets.keys()) if (code) write(socket, { refused: code });
    },
    /** Accepts messages and responds to none. */
    fallSilent(silent: boolean) {
      isSilent = silent;
    },
    /** Breaks every connection. */
    cut() {
      for (const socket of sockets.keys()) socket.destroy();
    },
    async close() {
      for (const socket of sockets.keys()) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
