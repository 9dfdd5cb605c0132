import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';

/**
 * Scripts, styles and pictures, under an address that changes whenever one of them does: browsers keep them for good and still never
 * run old scripts beside a new page. The version is in the path, so that modules find each other by relative names.
 *
 * @returns `url`: what stands before a file's name, without a slash at its end
 */
export function createAssets(folder: string): { url: string; router: Router } {
  const hash = createHash('sha256');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, file);
    if (statSync(path).isFile()) hash.update(file).update(readFileSync(path));
  }
  const url = `/assets/${hash.digest('hex').slice(0, 12)}`;
  const router = Router({ caseSensitive: true });
  router.use(url, express.static(folder, { maxAge: '1y', immutable: true, index: false, redirect: false }));
  router.use('/assets', express.static(folder, { maxAge: '1h', index: false, redirect: false }));
  return { url, router };
}
