import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares a secret in constant time: the duration reveals neither the position of a difference nor the length. */
export function safeEqual(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
