import type { ChannelContext } from '../channels/channel.ts';
import type { Clock } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { type FetchFile, fetchAttachment } from '../runtime/fetch-file.ts';
import type { OpenSocket } from '../runtime/guarded-socket.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import type { SaveFile } from '../runtime/save-file.ts';
import { getAccessToken } from './access-token.ts';
import type { Connection } from './connection.ts';
import { getConsentPairing } from './consent.ts';
import { stateAad } from './sealed-config.ts';

export interface ChannelContextDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  log: Log;
  /** For addresses that users supply: guarded. */
  targetHttp: HttpClient;
  fetchFile: FetchFile;
  saveFile: SaveFile;
  openSocket: OpenSocket;
  newId: NewId;
  sessionSecrets: readonly string[];
  appUrl: string;
}

export type CreateChannelContext = (connection: Connection, signal: AbortSignal) => ChannelContext<object>;

/** Creates the access to the world that a channel gets for one connection. */
export function createChannelContext(
  { db, box, clock, log, targetHttp, fetchFile, saveFile, openSocket, newId, sessionSecrets, appUrl }: ChannelContextDeps,
  connection: Connection,
  signal: AbortSignal,
): ChannelContext<object> {
  return {
    connection,
    http: targetHttp,
    fetchBytes: (url) => fetchAttachment(fetchFile, url, signal),
    fetchFile: (url, headers) => fetchFile(url, signal, headers),
    saveFile: (file) => saveFile(file, signal),
    openSocket,
    state: createChannelState({ db, box }, connection.id),
    signIn: {
      getAccessToken: (refused) => getAccessToken({ db, box, clock, newId, targetHttp }, connection, refused),
      getPairing: () => getConsentPairing({ db, clock, sessionSecrets, appUrl }, connection),
    },
    clock,
    // Created when it is used: few sends log anything.
    get log() {
      return log.child({ connectionId: connection.id, channel: connection.channel.type });
    },
    signal,
  };
}

/** Creates the access to a connection's own state, which is sealed and bound to its row. */
function createChannelState({ db, box }: Pick<ChannelContextDeps, 'db' | 'box'>, id: string): ChannelContext<object>['state'] {
  return {
    async get<T>() {
      const row = await db.client.connection.findUnique({ where: { id }, select: { state: true } });
      return row?.state ? (JSON.parse(box.open(row.state, stateAad(id))) as T) : null;
    },
    async set(value) {
      await db.client.connection.updateMany({ where: { id }, data: { state: box.seal(JSON.stringify(value), stateAad(id)) } });
    },
  };
}
