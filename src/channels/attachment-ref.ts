import type { InboundAttachment } from './messages.ts';

/** Start of a stored attachment that its channel fetches; all others are web addresses. */
const scheme = 'channel-file:';

/** A file of an inbound message that its channel fetches. */
export type AttachmentRef = Extract<InboundAttachment, { ref: string }>;

/** Converts an attachment to one text, as a message stores it. */
export function toStoredAttachment(attachment: InboundAttachment): string {
  if ('url' in attachment) return attachment.url;
  const { ref, name, contentType } = attachment;
  const details = new URLSearchParams({ ...(name ? { name } : {}), ...(contentType ? { type: contentType } : {}) });
  return `${scheme}${encodeURIComponent(ref)}?${details}`;
}

/** Parses a stored attachment. @returns null for a web address */
export function parseAttachmentRef(stored: string): AttachmentRef | null {
  if (!stored.startsWith(scheme)) return null;
  const [ref = '', details = ''] = stored.slice(scheme.length).split('?');
  const params = new URLSearchParams(details);
  return {
    ref: decodeURIComponent(ref),
    name: params.get('name') ?? undefined,
    contentType: params.get('type') ?? undefined,
  };
}

/** Returns the text that stands for an attachment on a page: its address, or its name. */
export function toAttachmentLabel(stored: string): string {
  const file = parseAttachmentRef(stored);
  return file ? (file.name ?? file.contentType ?? 'file') : stored;
}
