import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelContext } from '../../src/channels/channel.ts';
import { createIdGenerator, systemRandom } from '../../src/core/ids.ts';
import { createFileFetcher, fetchAttachment } from '../../src/runtime/fetch-file.ts';
import { createSocketOpener } from '../../src/runtime/guarded-socket.ts';
import { createLog, type Log } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createFileSaver } from '../../src/runtime/save-file.ts';
import { createTestClock, type TestClock } from './test-clock.ts';

/** A request that a channel has made. */
export interface ChannelRequest {
  readonly url: string;
  /** Headers, parameters and body, as text. */
  readonly content: string;
}

/** A log that keeps its lines. */
export function createLogCapture(level = 'trace'): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const output = {
    writableLength: 0,
    write(line: string, written: () => void) {
      lines.push(line);
      written();
    },
    on() {},
  };
  return { log: createLog(level, output), lines };
}

/** For the context of a channel that uses HTTP alone. */
export const noSockets: Pick<ChannelContext<object>, 'saveFile' | 'openSocket' | 'signIn'> = {
  saveFile: () => Promise.reject(new Error('This channel saves no files.')),
  openSocket: () => Promise.reject(new Error('This channel opens no sockets.')),
  signIn: {
    getAccessToken: () => Promise.reject(new Error('This channel has no sign-in.')),
    getPairing: () => Promise.reject(new Error('This channel has no sign-in.')),
  },
};

export interface ChannelContextOptions {
  readonly webhookUrl?: string;
  readonly allowPrivateTargets?: boolean;
  /** Longest wait for a response, in real time. */
  readonly timeoutMs?: number;
  readonly clock?: TestClock;
  readonly signIn?: ChannelContext<object>['signIn'];
}

export type ChannelWorld = ReturnType<typeof createChannelWorld>;

/** The world of a channel without the program: HTTP, a clock that tests move, state in memory, and a log; it records all requests. */
export function createChannelWorld(options: ChannelContextOptions = {}) {
  const { webhookUrl = 'https://patchbay.example/channels/0191d4e0-0000-7000-8000-00000000000c' } = options;
  const { allowPrivateTargets = true, timeoutMs = 2_000, clock = createTestClock() } = options;
  const requests: ChannelRequest[] = [];
  const { log, lines } = createLogCapture();
  const http = createHttpClient({ timeoutMs, allowPrivateTargets });
  http.interceptors.request.use((request) => {
    const url = http.getUri(request);
    requests.push({ url, content: JSON.stringify([request.headers, request.auth, request.data]) });
    return request;
  });
  const folder = mkdtempSync(join(tmpdir(), 'patchbay-channel-'));
  const newId = createIdGenerator(clock, systemRandom);
  const files = { clock, newId, folder, maxBytes: 5_000_000, hasRoom: async () => true };
  const fetchFile = createFileFetcher({ http, ...files });
  const saveFile = createFileSaver(files);
  const openSocket = createSocketOpener({ clock, allowPrivateTargets });
  let state: string | null = null;

  return {
    clock,
    requests,
    logLines: lines,
    webhookUrl,
    /** Creates the context of a connection with a config that the channel's schema has parsed. */
    createContext(config: object, signal = new AbortController().signal): ChannelContext<object> {
      return {
        connection: { id: webhookUrl.split('/').at(-1) ?? '', config, webhookUrl },
        http,
        fetchBytes: (url) => fetchAttachment(fetchFile, url, signal),
        fetchFile: (url, headers) => fetchFile(url, signal, headers),
        saveFile: (file) => saveFile(file, signal),
        openSocket,
        state: {
          get: async <T>() => (state === null ? null : (JSON.parse(state) as T)),
          async set(value) {
            state = JSON.stringify(value);
          },
        },
        signIn: options.signIn ?? noSockets.signIn,
        clock,
        log,
        signal,
      };
    },
    /** Moves the clock until a promise has settled: the time-outs of a channel are on this clock, those of HTTP in real time. */
    async settle<T>(promise: Promise<T>): Promise<T> {
      let isSettled = false;
      const mark = () => {
        isSettled = true;
      };
      promise.then(mark, mark);
      const timeoutAt = performance.now() + 30_000;
      while (!isSettled && performance.now() < timeoutAt) {
        await new Promise((done) => setTimeout(done, 5));
        if (!isSettled) await clock.tick(100);
      }
      return promise;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
