import { isUtf8 } from 'node:buffer';
import PostalMime, { type Email } from 'postal-mime';

const maxNested = 32;
/** Most bytes of the headers of a mail. */
export const maxHeaderBytes = 512 * 1024;

/** Parses a mail. Takes as long as it has lines, without a pause. @throws what the parser throws for a mail beyond its limits */
export function parseContent(bytes: Uint8Array): Promise<Email> {
  return PostalMime.parse(toReadableBytes(bytes), {
    maxNestingDepth: maxNested,
    maxRfc822NestingDepth: 1,
    maxHeadersSize: maxHeaderBytes,
  });
}

/**
 * Reads a mail of one part that names no charset and is no UTF-8 as Windows-1252, which old programs wrote: else each letter outside of ASCII
 * would be lost.
 */
function toReadableBytes(bytes: Uint8Array): Uint8Array {
  if (isUtf8(bytes)) return bytes;
  const header =
    Buffer.from(bytes.subarray(0, maxHeaderBytes))
      .toString('latin1')
      .split(/\r?\n\r?\n/, 1)[0] ?? '';
  if (/charset|boundary|base64|content-type: (?!text)/i.test(header)) return bytes;
  return Buffer.from(new TextDecoder('windows-1252').decode(bytes));
}
