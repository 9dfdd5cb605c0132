import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { SignedRequest } from './load.ts';
import type { Command, SimulatorStats } from './simulator-process.ts';

export type BenchMessage = SignedRequest & { id: string };

/** Messages of the simulated HighLevel, and what became of them. */
export interface SimulatedMessages {
  /**
   * @param locationId all messages of this location; without it each of the next location
   * @param bytesEach bytes added to each text
   */
  createMessages(count: number, locationId?: string, bytesEach?: number): Promise<BenchMessage[]>;
  /** Returns the counts since they were reset; with `times` for each message. */
  getStats(withTimes?: boolean): Promise<SimulatorStats>;
  resetStats(): Promise<void>;
}

/** The world outside of the program, in a process of its own: HighLevel without its limit, and a gateway. */
export interface BenchSimulator extends SimulatedMessages {
  gatewayUrl: string;
  platformUrl: string;
  /** Signs requests of the gateway. */
  secret: string;
  /** Verifies webhooks of the simulated HighLevel. */
  publicKey: string;
  /** Creates an agency with locations, and approves an app's install in them. */
  open(app: { baseUrl: string; locations: number; contactsEach: number }): Promise<{ ids: string[]; code: string }>;
  /** Sets the time after which the gateway responds. */
  setDelay(ms: number): Promise<void>;
  stop(): void;
}

export async function startSimulator(): Promise<BenchSimulator> {
  const child = fork(join(import.meta.dirname, 'simulator-process.ts'), { stdio: 'ignore' });
  const addresses = await receiveFirst<Pick<BenchSimulator, 'gatewayUrl' | 'platformUrl' | 'secret' | 'publicKey'>>(child);
  const request = createRequester(child);
  return {
    ...addresses,
    open: (app) => request({ do: 'open', ...app }),
    setDelay: (ms) => request({ do: 'delay', ms }),
    createMessages: (count, locationId, bytesEach = 0) =>
      request({ do: 'messages', count, bytesEach, ...(locationId ? { locationId } : {}) }),
    getStats: (withTimes = false) => request({ do: 'stats', count: withTimes ? 1 : 0 }),
    resetStats: () => request({ do: 'reset' }),
    stop: () => void child.kill('SIGKILL'),
  };
}

function createRequester(child: ChildProcess) {
  let nextId = 0;
  const pending = new Map<number, (response: unknown) => void>();
  child.on('message', ({ id, response }: { id: number; response: unknown }) => {
    pending.get(id)?.(response);
    pending.delete(id);
  });
  return <Result>(command: Omit<Command, 'id'>) =>
    new Promise<Result>((done) => {
      const id = nextId++;
      pending.set(id, done as (response: unknown) => void);
      child.send({ ...command, id });
    });
}

function receiveFirst<T>(child: ChildProcess): Promise<T> {
  return new Promise((done, failed) => {
    child.once('message', (message) => done(message as T));
    child.once('exit', () => failed(new Error('The world outside did not start.')));
  });
}
