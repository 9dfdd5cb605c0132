import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const manifest = z.object({
  format: z.literal(1),
  id: z.uuid(),
  exportedAt: z.iso.datetime(),
  /** The newest migration of the database: another version of the program can't read its rows. */
  migration: z.string(),
  /** Next value of the sequence that orders receipts and attempts; null until all tables are exported. */
  eventOrder: z.string().nullable(),
  /** In the order in which an import needs them. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()), count: z.number(), sha256: z.string() })),
});

/** What an export has written so far. */
export type Manifest = z.infer<typeof manifest>;

const fileName = 'manifest.json';

/** Reads the manifest of an export. @returns null in a folder without one @throws Error with a message for the operator */
export async function readManifest(folder: string): Promise<Manifest | null> {
  const path = join(folder, fileName);
  if (!existsSync(path)) return null;
  const read = manifest.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!read.success) throw new Error(`${path} is not of an export of this version.`);
  return read.data;
}

export async function writeManifest(folder: string, content: Manifest): Promise<void> {
  const path = join(folder, fileName);
  await writeFile(`${path}.part`, `${JSON.stringify(content, null, 2)}\n`);
  await rename(`${path}.part`, path);
}

export function toTablePath(folder: string, name: string): string {
  return join(folder, `${name}.ndjson.gz`);
}
