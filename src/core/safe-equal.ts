import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares a secret in a time that says nothing of where they differ, nor of its length. */
export function safeEqual(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
