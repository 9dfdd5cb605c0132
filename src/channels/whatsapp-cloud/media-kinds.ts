/** Kind of a media message. */
export type MediaKind = 'image' | 'video' | 'audio' | 'document' | 'sticker';

const megabyte = 1024 * 1024;

/** Types that WhatsApp takes, with the largest file of each kind. */
const kinds: readonly { kind: MediaKind; maxBytes: number; contentTypes: ReadonlySet<string> }[] = [
  { kind: 'image', maxBytes: 5 * megabyte, contentTypes: new Set(['image/jpeg', 'image/png']) },
  { kind: 'video', maxBytes: 16 * megabyte, contentTypes: new Set(['video/mp4', 'video/3gpp']) },
  {
    kind: 'audio',
    maxBytes: 16 * megabyte,
    contentTypes: new Set(['audio/aac', 'audio/amr', 'audio/mpeg', 'audio/mp4', 'audio/ogg']),
  },
  {
    kind: 'document',
    maxBytes: 100 * megabyte,
    contentTypes: new Set([
      'text/plain',
      'application/pdf',
      'application/msword',
      'application/vnd.ms-excel',
      'application/vnd.ms-powerpoint',
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    ]),
  },
];

const maxStillStickerBytes = 100 * 1024;
const maxAnimatedStickerBytes = 500 * 1024;
const stickerPixels = 512;

/** Kinds of message that can carry text. */
export function canHaveCaption(kind: MediaKind): boolean {
  return kind === 'image' || kind === 'video' || kind === 'document';
}

/** Finds the kind as which WhatsApp takes a file. @returns null where it takes it as none: by its type, or by its size */
export function findMediaKind(file: { readonly contentType: string; readonly data: Buffer }): MediaKind | null {
  const contentType = toBareType(file.contentType);
  if (contentType === 'image/webp') return isSticker(file.data) ? 'sticker' : null;
  const found = kinds.find(({ contentTypes }) => contentTypes.has(contentType));
  return found && file.data.length <= found.maxBytes ? found.kind : null;
}

/** Removes the parameters of a content type. */
export function toBareType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

const documentExtensions = new Set(['txt', 'pdf', 'doc', 'docx', 'xls', 'xlsx', 'ppt', 'pptx']);

/** Finds the name of a document in its address. @returns null where the address names no document */
export function findDocumentName(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const name = new URL(url).pathname.split('/').at(-1) ?? '';
  return documentExtensions.has((name.split('.').at(-1) ?? '').toLowerCase()) && name.length <= 240 ? name : null;
}

/** Returns whether a WebP file is a sticker: a square of 512 pixels within the limits. Any other WebP is refused. */
function isSticker(data: Buffer): boolean {
  const size = readWebpSize(data);
  if (!size || size.width !== stickerPixels || size.height !== stickerPixels) return false;
  return data.length <= (size.isAnimated ? maxAnimatedStickerBytes : maxStillStickerBytes);
}

/** Reads the header of a WebP file, in its three forms. */
function readWebpSize(data: Buffer): { width: number; height: number; isAnimated: boolean } | null {
  if (data.length < 30 || data.toString('latin1', 8, 12) !== 'WEBP') return null;
  switch (data.toString('latin1', 12, 16)) {
    case 'VP8X':
      return {
        width: data.readUIntLE(24, 3) + 1,
        height: data.readUIntLE(27, 3) + 1,
        isAnimated: ((data[20] ?? 0) & 0x02) !== 0,
      };
    case 'VP8 ':
      return { width: data.readUInt16LE(26) & 0x3fff, height: data.readUInt16LE(28) & 0x3fff, isAnimated: false };
    case 'VP8L': {
      const bits = data.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, isAnimated: false };
    }
    default:
      return null;
  }
}
