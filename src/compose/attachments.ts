import { join } from 'node:path';
import { createDiskStore } from '../attachments/disk-store.ts';
import { createAttachmentLinks } from '../attachments/links.ts';
import { createS3Store } from '../attachments/s3-store.ts';
import { createFileFetcher } from '../runtime/fetch-file.ts';
import { createFreeDiskCheck } from '../runtime/free-disk.ts';
import { createHttpClient } from '../runtime/outbound-http.ts';
import { createFileSaver } from '../runtime/save-file.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Files of messages: downloading, storing and linking them. */
export type Attachments = ReturnType<typeof composeAttachments>;

const bucketTimeoutMs = 60_000;

/** Composes the download, the store and the links of attachments. */
export function composeAttachments(
  { targetHttp, clock, newId }: Pick<Runtime, 'targetHttp' | 'clock' | 'newId'>,
  { attachments, appUrl, encryptionKeys }: Pick<CapabilityOptions, 'attachments' | 'appUrl' | 'encryptionKeys'>,
) {
  const mediaFolder = join(attachments.folder, 'incoming');
  const files = {
    clock,
    newId,
    folder: mediaFolder,
    maxBytes: attachments.maxBytes,
    hasRoom: createFreeDiskCheck(clock, mediaFolder, attachments.minFreeBytes),
  };
  // The operator sets the bucket's address, not a user: no guard.
  const bucketHttp = createHttpClient({ timeoutMs: bucketTimeoutMs, allowPrivateTargets: true });
  return {
    mediaFolder,
    fetchFile: createFileFetcher({ http: targetHttp, ...files }),
    saveFile: createFileSaver(files),
    attachmentStore: attachments.bucket
      ? createS3Store({ http: bucketHttp, clock }, attachments.bucket)
      : createDiskStore(join(attachments.folder, 'files')),
    attachmentLinks: createAttachmentLinks(encryptionKeys[0] as Buffer, appUrl),
    attachmentRetentionDays: attachments.days,
    maxAttachmentBytesPerLocation: attachments.maxBytesPerLocation,
    attachmentDelivery: attachments.delivery,
  };
}
