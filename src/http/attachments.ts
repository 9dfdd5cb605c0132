import { pipeline } from 'node:stream/promises';
import { type Request, Router } from 'express';
import { hashSecret } from '../attachments/links.ts';
import type { Attachments } from '../compose/attachments.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { Database } from '../database/client.ts';

export interface AttachmentPageDeps {
  db: Database;
  clock: Clock;
  attachments: Pick<Attachments, 'attachmentStore'>;
}

/** Types that browsers display; files of other types are downloaded. */
const inlineTypes = /^(image|audio|video)\/|^application\/pdf$/;

/**
 * Creates the route that serves attachments of inbound messages to holders of their secret URL, until it expires. The bytes are untrusted
 * and come from our own origin: the headers stop browsers from guessing another type and from running scripts in them.
 */
export function createAttachmentRouter(deps: AttachmentPageDeps): Router {
  const router = Router({ caseSensitive: true });

  router.get('/media/:secret/:name', async (request, response) => {
    const found = await getFile(deps, String(request.params.secret));
    const range = parseRange(request, found.bytes);
    // Reads before the headers are set: an error response must not carry the file's headers.
    const bytes = request.method === 'HEAD' ? null : await deps.attachments.attachmentStore.read(found.id, range ?? undefined);
    if (!bytes && request.method !== 'HEAD') throw fileNotFound();
    response.set({
      'content-type': found.contentType,
      'content-disposition': `${inlineTypes.test(found.contentType) ? 'inline' : 'attachment'}; filename="${found.name}"`,
      'content-security-policy': "default-src 'none'; sandbox",
      // HighLevel's pages embed attachments.
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'private, max-age=3600',
      'accept-ranges': 'bytes',
      'content-length': String(range ? range.end - range.start + 1 : found.bytes),
    });
    if (range) response.status(206).set('content-range', `bytes ${range.start}-${range.end}/${found.bytes}`);
    if (!bytes) return void response.end();
    // A client that disconnects early is no error.
    await pipeline(bytes, response).catch(() => response.destroy());
  });

  return router;
}

async function getFile({ db, clock }: AttachmentPageDeps, secret: string) {
  const row = await db.client.attachment.findUnique({ where: { secretHash: hashSecret(secret) } });
  if (!row || row.sizeBytes === null || !row.contentType || !row.name || row.expiresAt <= dateNow(clock)) throw fileNotFound();
  if ((await db.client.message.count({ where: { id: row.messageId } })) === 0) throw fileNotFound();
  return { id: row.id, bytes: row.sizeBytes, contentType: row.contentType, name: row.name };
}

/** Parses the Range header. @returns null for the whole file. @throws AppError `range_invalid` */
function parseRange(request: Request, size: number): { start: number; end: number } | null {
  const ranges = request.range(size);
  if (ranges === -1) throw new AppError('range_invalid', 'The file does not have the requested range.');
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return null;
  return ranges[0] ?? null;
}

function fileNotFound(): AppError {
  return new AppError('not_found', 'This file does not exist or has expired.');
}
