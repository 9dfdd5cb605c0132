import { toId, toList, toObject, toText } from '../../core/foreign.ts';

/** Reads the id of an accepted message. It means accepted and no more: failures come as statuses. */
export function readMessageId(body: unknown): string | undefined {
  const [message] = toList(toObject(body).messages);
  return toId(toObject(message).id);
}

/** Reads the id of an uploaded file. */
export function readUploadId(body: unknown): string | undefined {
  return toId(toObject(body).id);
}

/** Reads where a file can be downloaded, and its hash. */
export function readMediaAddress(body: unknown): { url: string | undefined; sha256: string | undefined } {
  const { url, sha256 } = toObject(body);
  return { url: toText(url), sha256: toText(sha256) };
}
