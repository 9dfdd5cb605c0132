const lineFeed = 10;

/** Cuts a mail behind its first lines: postal-mime takes some 20 µs for each, however short, and no other work runs meanwhile. */
export function cutLines(bytes: Uint8Array, maxLines: number): Uint8Array {
  let end = 0;
  for (let line = 0; line < maxLines; line++) {
    end = bytes.indexOf(lineFeed, end) + 1;
    if (end === 0) return bytes;
  }
  return bytes.subarray(0, end);
}

/** Returns whether a mail has more lines. */
export function hasMoreLines(bytes: Uint8Array, maxLines: number): boolean {
  return cutLines(bytes, maxLines).length < bytes.length;
}
