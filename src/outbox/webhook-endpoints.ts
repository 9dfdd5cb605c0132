import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId, RandomSource } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Executor, WebhookEndpoint } from '../database/client.ts';
import { isPrivateHost } from '../runtime/outbound-http.ts';
import { generateSigningSecret } from '../runtime/standard-webhooks.ts';
import type { WebhookType } from './webhook-types.ts';

export type { WebhookEndpoint };

export interface EndpointDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  random: RandomSource;
  box: SecretBox;
  allowPrivateTargets: boolean;
}

/** The part of an endpoint that its owner sets. */
export interface EndpointInput {
  readonly url: string;
  readonly eventTypes: readonly WebhookType[];
  readonly description: string | null;
}

/** Reason of an endpoint that is off: its failures, its own response 410, or a person. */
export type DisabledReason = 'failing' | 'gone' | 'user';

/** Bounds what one event of a location can cost. */
const maxPerLocation = 10;
/** Time for which the secret before a rotation is still valid. */
const rotationMs = 24 * 60 * 60 * 1000;

const secretAad = (id: string) => `webhook_endpoints/${id}/secret`;
const previousSecretAad = (id: string) => `webhook_endpoints/${id}/previous_secret`;

/** Adds an endpoint. @returns it with its secret, which is not shown again. @throws AppError `request_invalid`, `private_address`, `conflict` */
export async function addEndpoint(
  deps: EndpointDeps,
  locationId: string,
  input: EndpointInput,
  actor: Actor,
): Promise<{ endpoint: WebhookEndpoint; secret: string }> {
  requireEndpointUrl(deps, input.url);
  const now = dateNow(deps.clock);
  const id = deps.newId();
  const secret = generateSigningSecret(deps.random);
  const sealed = deps.box.seal(secret, secretAad(id));
  const endpoint = await deps.db.transaction(async (tx) => {
    if ((await tx.webhookEndpoint.count({ where: { locationId } })) >= maxPerLocation) {
      throw new AppError('conflict', `A location has at most ${maxPerLocation} webhook endpoints.`);
    }
    await audit(tx, deps, { actor, action: 'webhook_endpoint_added', locationId, details: describe(input) });
    return tx.webhookEndpoint.create({
      data: { id, locationId, ...toColumns(input), secret: sealed, createdAt: now, updatedAt: now },
    });
  });
  return { endpoint, secret };
}

/** Lists a location's endpoints, oldest first. */
export function listEndpoints(db: Database, locationId: string): Promise<WebhookEndpoint[]> {
  return db.client.webhookEndpoint.findMany({ where: { locationId }, orderBy: { id: 'asc' } });
}

/** Gets an endpoint of a location. @throws AppError `not_found` */
export async function getEndpoint(db: Database, locationId: string, id: string): Promise<WebhookEndpoint> {
  const found = await db.client.webhookEndpoint.findFirst({ where: { id, locationId } });
  if (found) return found;
  throw new AppError('not_found', 'This location has no such webhook endpoint.');
}

/**
 * Changes an endpoint: replaces its URL and types, switches it off or on, or gives it a new secret; the one before is valid for another day.
 *
 * @returns the endpoint, and the new secret
 */
export async function changeEndpoint(
  deps: EndpointDeps,
  { id, locationId }: Pick<WebhookEndpoint, 'id' | 'locationId'>,
  input: EndpointInput & { isEnabled: boolean; rotateSecret: boolean },
  actor: Actor,
): Promise<{ endpoint: WebhookEndpoint; secret: string | null }> {
  requireEndpointUrl(deps, input.url);
  const now = dateNow(deps.clock);
  const secret = input.rotateSecret ? generateSigningSecret(deps.random) : null;
  return deps.db.transaction(async (tx) => {
    const [before] = await tx.$queryRaw<{ secret: string; isEnabled: boolean }[]>`
      SELECT secret, disabled_at IS NULL AS "isEnabled" FROM webhook_endpoints
      WHERE id = ${id}::uuid AND location_id = ${locationId} FOR UPDATE`;
    if (!before) throw new AppError('not_found', 'This location has no such webhook endpoint.');
    const rotated = secret === null ? {} : rotateSecret(deps.box, id, before.secret, secret, now);
    const health = { failingSince: null, failureCount: 0, disabledAt: null, disabledReason: null };
    const switched = before.isEnabled === input.isEnabled || !input.isEnabled ? {} : health;
    const endpoint = await tx.webhookEndpoint.update({
      where: { id },
      data: { ...toColumns(input), ...rotated, ...switched, updatedAt: now },
    });
    const changes = [describe(input), secret === null ? '' : ' New secret.', input.isEnabled ? '' : ' Disabled.'];
    await audit(tx, deps, { actor, action: 'webhook_endpoint_changed', locationId, details: changes.join('') });
    if (before.isEnabled && !input.isEnabled) await disableEndpoint(tx, id, 'user', now);
    return {
      endpoint: before.isEnabled && !input.isEnabled ? await tx.webhookEndpoint.findUniqueOrThrow({ where: { id } }) : endpoint,
      secret,
    };
  });
}

function rotateSecret(box: SecretBox, id: string, sealed: string, next: string, now: Date) {
  return {
    secret: box.seal(next, secretAad(id)),
    previousSecret: box.seal(box.open(sealed, secretAad(id)), previousSecretAad(id)),
    previousSecretUntil: new Date(now.getTime() + rotationMs),
  };
}

/** Switches an endpoint off, and ends what waits for it: a person can replay it. */
export async function disableEndpoint(tx: Executor, id: string, reason: DisabledReason, now: Date): Promise<void> {
  const { count } = await tx.webhookEndpoint.updateMany({
    where: { id, disabledAt: null },
    data: { disabledAt: now, disabledReason: reason },
  });
  if (count === 0) return;
  await tx.webhookEvent.updateMany({
    where: { endpointId: id, dueAt: { not: null } },
    data: { outcome: 'failed', dueAt: null, endedAt: now },
  });
}

/** Removes an endpoint. What waits for it is not sent. @throws AppError `not_found` */
export async function removeEndpoint(
  deps: EndpointDeps,
  { id, locationId }: Pick<WebhookEndpoint, 'id' | 'locationId'>,
  actor: Actor,
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    const found = await tx.webhookEndpoint.findFirst({ where: { id, locationId } });
    const { count } = await tx.webhookEndpoint.deleteMany({ where: { id, locationId } });
    if (!found || count === 0) throw new AppError('not_found', 'This location has no such webhook endpoint.');
    await audit(tx, deps, { actor, action: 'webhook_endpoint_removed', locationId, details: toHost(found.url) });
  });
}

/** Deletes the endpoints of a location without the app. */
export async function deleteEndpoints(on: Executor, locationId: string): Promise<void> {
  await on.webhookEndpoint.deleteMany({ where: { locationId } });
}

/** Opens the secrets that sign for an endpoint: the current one and, for a day after its rotation, the one before. @throws AppError `secret_unreadable` */
export function openSigningSecrets(box: SecretBox, endpoint: WebhookEndpoint, now: Date): string[] {
  const { id, secret, previousSecret, previousSecretUntil } = endpoint;
  const isPreviousValid = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil > now;
  return [box.open(secret, secretAad(id)), ...(isPreviousValid ? [box.open(previousSecret, previousSecretAad(id))] : [])];
}

/** Seals the secrets of an endpoint again with the newest key. A concurrent rotation wins. @throws AppError `secret_unreadable` */
export async function reencryptEndpoint({ db, box }: { db: Database; box: SecretBox }, row: WebhookEndpoint): Promise<void> {
  const { id, secret, previousSecret } = row;
  const data = {
    secret: box.reencrypt(secret, secretAad(id)),
    ...(previousSecret === null ? {} : { previousSecret: box.reencrypt(previousSecret, previousSecretAad(id)) }),
  };
  await db.client.webhookEndpoint.updateMany({ where: { id, secret, previousSecret }, data });
}

/** Lists endpoints with sealed secrets, by id. */
export function listSealedEndpoints(on: Executor, afterId: string | undefined, limit: number): Promise<WebhookEndpoint[]> {
  return on.webhookEndpoint.findMany({
    where: afterId === undefined ? {} : { id: { gt: afterId } },
    orderBy: { id: 'asc' },
    take: limit,
  });
}

/** Counts the endpoints, and those whose secret an older key has sealed. */
export async function countEndpoints(on: Executor, currentKeyPrefix: string): Promise<{ total: number; older: number }> {
  const [total, current] = await Promise.all([
    on.webhookEndpoint.count(),
    on.webhookEndpoint.count({ where: { secret: { startsWith: currentKeyPrefix } } }),
  ]);
  return { total, older: total - current };
}

function requireEndpointUrl({ allowPrivateTargets }: EndpointDeps, text: string): void {
  const url = URL.parse(text);
  const problem =
    url === null || !['https:', 'http:'].includes(url.protocol)
      ? 'is no web address'
      : url.username || url.password
        ? 'must not hold a user name or a password'
        : url.protocol === 'http:' && !allowPrivateTargets
          ? 'must begin with https://'
          : null;
  if (problem) throw new AppError('request_invalid', `The URL ${problem}.`, { details: [`body.url: ${problem}`] });
  if (url && !allowPrivateTargets && isPrivateHost(url.hostname)) {
    throw new AppError('private_address', 'The URL has a private or reserved address. Only public addresses are called.');
  }
}

function toColumns({ url, eventTypes, description }: EndpointInput) {
  return { url, eventTypes: [...new Set(eventTypes)].sort(), description };
}

/** Describes an endpoint for the audit: its path may contain a secret. */
function describe({ url, eventTypes }: EndpointInput): string {
  return `${toHost(url)}: ${[...new Set(eventTypes)].sort().join(', ')}.`;
}

function toHost(url: string): string {
  return URL.parse(url)?.host ?? '';
}
