import { countConnections, listSealedConfigs, reencryptConfig, type SealedConfig } from '../connections/sealed-config.ts';
import { isAppError } from '../core/errors.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { countEndpoints, listSealedEndpoints, reencryptEndpoint, type WebhookEndpoint } from '../outbox/webhook-endpoints.ts';
import { type Installation, keyOf, tokenAad } from './store.ts';

export interface ReencryptDeps {
  db: Database;
  box: SecretBox;
}

export interface ReencryptProgress {
  done: number;
  total: number;
  /** Rows with secrets that no configured key can decrypt. */
  unreadable: string[];
}

const batchSize = 100;

/**
 * Seals every stored secret again with the newest key, while the program runs. A row that a concurrent write replaces is skipped, as that
 * write uses the newest key too. Secrets of the newest key are left alone, so an interrupted run is simply started again.
 *
 * @param onProgress called after each batch
 */
export async function reencryptAll(
  deps: ReencryptDeps,
  onProgress: (progress: ReencryptProgress) => void,
): Promise<ReencryptProgress> {
  const { client } = deps.db;
  const progress: ReencryptProgress = {
    done: 0,
    total:
      (await client.installation.count()) +
      (await countConnections(client)) +
      (await countEndpoints(client, deps.box.currentKeyPrefix)).total,
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
    (last: SealedConfig | undefined) => listSealedConfigs(client, last?.id, batchSize),
    (row) => reencryptRow(progress, `connection ${row.id}`, () => reencryptConfig(deps, row)),
    () => onProgress(progress),
  );
  await forEachPage(
    (last: WebhookEndpoint | undefined) => listSealedEndpoints(client, last?.id, batchSize),
    (row) => reencryptRow(progress, `webhook endpoint ${row.id}`, () => reencryptEndpoint(deps, row)),
    () => onProgress(progress),
  );
  return progress;
}

/** Processes a table page by page. @param pageAfter the rows that follow the last one of the previous page */
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
  // Compares with the values that were read: a concurrent refresh has stored newer tokens.
  await db.client.installation.updateMany({ where: { ...keyOf(row), accessToken, refreshToken }, data: reencrypted });
}
