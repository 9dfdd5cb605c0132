import { type AttachmentRef, parseAttachmentRef } from '../../channels/attachment-ref.ts';
import type { ChannelContext } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { isAppError } from '../../core/errors.ts';
import type { FetchedFile, FetchFailure, FetchFile } from '../../runtime/fetch-file.ts';
import type { WorkMessage } from '../model/message.ts';

export interface FetchInboundDeps {
  fetchFile: FetchFile;
  /** @throws AppError `not_found`: it was disconnected */
  getConnection(id: string): Promise<Connection>;
  createChannelContext(connection: Connection, signal: AbortSignal): ChannelContext<object>;
}

/** Fetches a file of an inbound message: from its address, or through the channel where it needs the vendor's credentials. */
export async function fetchInboundFile(
  deps: FetchInboundDeps,
  { connectionId }: Pick<WorkMessage, 'connectionId'>,
  attachment: string,
  signal: AbortSignal,
): Promise<FetchedFile | FetchFailure> {
  const file = parseAttachmentRef(attachment);
  if (!file) return deps.fetchFile(attachment, signal);
  const connection = connectionId ? await findConnection(deps, connectionId) : null;
  const fetched = await connection?.channel.fetchAttachment?.(createContext(deps, connection, file, signal), file.ref);
  if (!fetched) return { kind: 'rejected', code: 'media_gone', reason: 'could not be fetched: the channel was disconnected' };
  // Vendors name a file in their webhook, not with the file.
  return fetched.kind === 'fetched' ? { ...fetched, name: fetched.name ?? toFileName(file.name) } : fetched;
}

/** Creates the channel's context. Vendors name the type of a file in their webhook, and not always with the file. */
function createContext(
  deps: FetchInboundDeps,
  connection: Connection,
  { contentType }: AttachmentRef,
  signal: AbortSignal,
): ChannelContext<object> {
  return {
    ...deps.createChannelContext(connection, signal),
    fetchFile: (url, headers) => deps.fetchFile(url, signal, headers, contentType),
  };
}

async function findConnection(deps: FetchInboundDeps, id: string): Promise<Connection | null> {
  try {
    return await deps.getConnection(id);
  } catch (error) {
    if (isAppError(error, 'not_found', 'request_invalid')) return null;
    throw error;
  }
}

const maxNameChars = 60;

/** Makes the sender's name of a file harmless, without its extension, which follows from the type. */
function toFileName(name: string | undefined): string | null {
  const letters = (name ?? '')
    .slice(0, 200)
    .replace(/\.[A-Za-z0-9]{1,5}$/, '')
    .replace(/[^A-Za-z0-9-]+/g, '_')
    .slice(0, maxNameChars);
  return /[A-Za-z0-9]/.test(letters) ? letters : null;
}
