import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';

/**
 * Serves scripts, styles and pictures under a path with a hash of their content: browsers cache them for a year and never run an old
 * script with a new page. The hash is part of the path, so modules import each other by relative names.
 *
 * @returns `url`: the prefix of a file's name, without a trailing slash
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
