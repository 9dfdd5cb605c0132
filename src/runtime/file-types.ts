import { open } from 'node:fs/promises';
import { fileTypeFromFile } from 'file-type';

/** Type of a file. */
export interface FileType {
  readonly contentType: string;
  /** Without the dot. */
  readonly extension: string;
}

/**
 * Types that are passed on, by the name that detection by bytes gives them: pictures, sound, films and documents. Active content (HTML,
 * SVG, scripts), programs and archives are left out.
 */
const fileTypes: Record<string, FileType> = {
  'image/jpeg': { contentType: 'image/jpeg', extension: 'jpg' },
  'image/png': { contentType: 'image/png', extension: 'png' },
  'image/apng': { contentType: 'image/png', extension: 'png' },
  'image/gif': { contentType: 'image/gif', extension: 'gif' },
  'image/webp': { contentType: 'image/webp', extension: 'webp' },
  'image/heic': { contentType: 'image/heic', extension: 'heic' },
  'image/heif': { contentType: 'image/heif', extension: 'heif' },
  'image/avif': { contentType: 'image/avif', extension: 'avif' },
  'image/bmp': { contentType: 'image/bmp', extension: 'bmp' },
  'image/tiff': { contentType: 'image/tiff', extension: 'tif' },
  'video/mp4': { contentType: 'video/mp4', extension: 'mp4' },
  'video/x-m4v': { contentType: 'video/mp4', extension: 'mp4' },
  'video/mpeg': { contentType: 'video/mpeg', extension: 'mpeg' },
  'video/3gpp': { contentType: 'video/3gpp', extension: '3gp' },
  'video/3gpp2': { contentType: 'video/3gpp2', extension: '3g2' },
  'video/quicktime': { contentType: 'video/quicktime', extension: 'mov' },
  'video/webm': { contentType: 'video/webm', extension: 'webm' },
  'audio/mpeg': { contentType: 'audio/mpeg', extension: 'mp3' },
  'audio/wav': { contentType: 'audio/wav', extension: 'wav' },
  'audio/ogg': { contentType: 'audio/ogg', extension: 'ogg' },
  'audio/aac': { contentType: 'audio/aac', extension: 'aac' },
  'audio/mp4': { contentType: 'audio/mp4', extension: 'm4a' },
  'audio/x-m4a': { contentType: 'audio/mp4', extension: 'm4a' },
  'audio/amr': { contentType: 'audio/amr', extension: 'amr' },
  'audio/aiff': { contentType: 'audio/aiff', extension: 'aiff' },
  'audio/flac': { contentType: 'audio/flac', extension: 'flac' },
  'application/pdf': { contentType: 'application/pdf', extension: 'pdf' },
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': {
    contentType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    extension: 'docx',
  },
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': {
    contentType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    extension: 'xlsx',
  },
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': {
    contentType: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    extension: 'pptx',
  },
  'application/vnd.oasis.opendocument.text': { contentType: 'application/vnd.oasis.opendocument.text', extension: 'odt' },
};

/** Older office files share one form; only their sender's type distinguishes them. */
const legacyOfficeTypes: Record<string, FileType> = {
  'application/msword': { contentType: 'application/msword', extension: 'doc' },
  'application/vnd.ms-excel': { contentType: 'application/vnd.ms-excel', extension: 'xls' },
  'application/vnd.ms-powerpoint': { contentType: 'application/vnd.ms-powerpoint', extension: 'ppt' },
};

/** Plain text has no signature of its own, so its sender's type counts, among harmless ones. */
const textTypes: Record<string, FileType> = {
  'text/plain': { contentType: 'text/plain; charset=utf-8', extension: 'txt' },
  'text/csv': { contentType: 'text/csv; charset=utf-8', extension: 'csv' },
  'text/vcard': { contentType: 'text/vcard; charset=utf-8', extension: 'vcf' },
  'text/x-vcard': { contentType: 'text/vcard; charset=utf-8', extension: 'vcf' },
  'text/calendar': { contentType: 'text/calendar; charset=utf-8', extension: 'ics' },
};

/**
 * Detects the type of a file by its bytes. The sender's type decides only where the bytes leave it open.
 *
 * @param claimedType a Content-Type
 * @returns null for a type that is not passed on
 */
export async function detectFileType(path: string, claimedType: string): Promise<FileType | null> {
  const claimed = (claimedType.split(';')[0] ?? '').trim().toLowerCase();
  const found = (await fileTypeFromFile(path))?.mime.split(';')[0];
  if (found === 'application/x-cfb') return legacyOfficeTypes[claimed] ?? null;
  if (found !== undefined) return fileTypes[found] ?? null;
  return (await isText(path)) ? (textTypes[claimed] ?? null) : null;
}

const sniffedBytes = 64 * 1024;

/** Returns whether a file begins as UTF-8 text, and not as an HTML page that its sender calls text. */
async function isText(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    // The end of the bytes read may split a character.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead), { stream: true });
    return !text.includes('\u0000') && !/^\s*<(!doctype|html|svg|script|\?xml)/i.test(text);
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  } finally {
    await file.close();
  }
}
