import { configAad as configIdentity } from '../connections/sealed-config.ts';
import { isAppError } from '../core/errors.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { type Installation, keyOf, tokenAad } from './store.ts';

export interface ReencryptDeps {
  db: Database;
  box: SecretBox;
}

export interface ReencryptProgress {
  done: number;
  total: number;
  /** Rows whose secrets no key of the ring opens. */
  unreadable: string[];
}

const batchSize = 100;

/**
 * Seals every stored secret anew with the newest key, while the program runs: a row that somebody writes meanwhile is left to them, as
 * they write with the newest key too. What is done already is skipped, so a run that was cut off is simply started again.
 *
 * @param onProgress told after each batch
 */
export async function reencryptAll(
  deps: ReencryptDeps,
  onProgress: (progress: ReencryptProgress) => void,
): Promise<ReencryptProgress> {
  const { client } = deps.db;
  const progress: ReencryptProgress = {
    done: 0,
    total: (await client.installation.count()) + (await client.connection.count()),
    unreadable: [],
  };
  await forEachPage(
    (last: Installation | undefined) =>
      client.installation.findMany({
        orderBy: [{ kind: 'asc' }, { resourceId: 'asc' }],
        take: batchSize,
        ...(last ? { cursor: { kind_resourceId: keyOf(last) }, skip: 1 } : {}),
      }),
    (row) => reencryptRow(progress, `${row.kind} ${row.resourceId}`, () => reencryptInstallation(deps, row)),
    () => onProgress(progress),
  );
  await forEachPage(
    (last: SealedConfig | undefined) =>
      client.connection.findMany({
        select: { id: true, config: true, previousConfig: true },
        orderBy: { id: 'asc' },
        take: batchSize,
        ...(last ? { where: { id: { gt: last.id } } } : {}),
      }),
    (row) => reencryptRow(progress, `connection ${row.id}`, () => reencryptConnection(deps, row)),
    () => onProgress(progress),
  );
  return progress;
}

type SealedConfig = { id: string; config: string; previousConfig: string | null };

/** Goes through a table page by page. @param pageAfter the rows that follow the last one seen */
async function forEachPage<Row>(
  pageAfter: (last: Row | undefined) => Promise<Row[]>,
  handleRow: (row: Row) => Promise<void>,
  onPage: () => void,
): Promise<void> {
  let last: Row | undefined;
  do {
    const rows = await pageAfter(last);
    for (const row of rows) await handleRow(row);
    onPage();
    last = rows.length < batchSize ? undefined : rows.at(-1);
  } while (last);
}

async function reencryptRow(progress: ReencryptProgress, name: string, reencrypt: () => Promise<void>): Promise<void> {
  try {
    await reencrypt();
  } catch (error) {
    if (!isAppError(error, 'secret_unreadable')) throw error;
    progress.unreadable.push(name);
  }
  progress.done += 1;
}

async function reencryptInstallation({ db, box }: ReencryptDeps, row: Installation): Promise<void> {
  const { accessToken, refreshToken } = row;
  const reencrypted = {
    ...(accessToken ? { accessToken: box.reencrypt(accessToken, tokenAad(row, 'access_token')) } : {}),
    ...(refreshToken ? { refreshToken: box.reencrypt(refreshToken, tokenAad(row, 'refresh_token')) } : {}),
  };
  // Compared with what was read: a refresh that wrote meanwhile is newer.
  await db.client.installation.updateMany({ where: { ...keyOf(row), accessToken, refreshToken }, data: reencrypted });
}

async function reencryptConnection({ db, box }: ReencryptDeps, { id, config, previousConfig }: SealedConfig): Promise<void> {
  if (config === '') return;
  const reencrypted = box.reencrypt(config, configIdentity(id));
  const previous = previousConfig === null ? null : reencryptPrevious(box, id, previousConfig);
  await db.client.connection.updateMany({ where: { id, config }, data: { config: reencrypted, previousConfig: previous } });
}

/** Seals anew what a connection was before. Without its key it is given up: it must not keep the present config from being sealed. */
function reencryptPrevious(box: SecretBox, id: string, previousConfig: string): string | null {
  try {
    return box.reencrypt(previousConfig, configIdentity(id));
  } catch (error) {
    if (isAppError(error, 'secret_unreadable')) return null;
    throw error;
  }
}
