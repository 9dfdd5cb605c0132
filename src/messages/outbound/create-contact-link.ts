import type { ChannelContext } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { Database } from '../../database/client.ts';
import { type LinkTarget, storeContactLink, toClaimPayload } from '../model/contact-links.ts';

export interface ContactLinkDeps {
  db: Database;
  clock: Clock;
  random: RandomSource;
  createChannelContext(connection: Connection, signal: AbortSignal): ChannelContext<object>;
}

export interface ContactLink {
  readonly url: string;
  readonly expiresAt: Date;
  /** Address with a merge field, for texts that go to many contacts. */
  readonly workflowUrl: string;
}

/** Refuses a connection whose channel has no links. @throws AppError `conflict` */
export function requireContactLinks({ channel }: Pick<Connection, 'channel'>): void {
  if (channel.buildContactLink) return;
  throw new AppError('conflict', `${channel.title} needs no links: it reaches contacts by their address.`);
}

/** Path of the address with a merge field, below that of the connection's webhooks. */
export const contactLinkPath = 'link';

/** Aborts never: the vendor's own time limit ends a call. */
const { signal } = new AbortController();

/**
 * Creates a link by which one contact starts a chat with a connection, once.
 *
 * @throws AppError `conflict`: the channel has no links; `vendor_unavailable`
 */
export async function createContactLink(
  deps: ContactLinkDeps,
  connection: Connection,
  contactId: string,
): Promise<ContactLink> {
  requireContactLinks(connection);
  const target: LinkTarget = { connectionId: connection.id, locationId: connection.locationId, contactId };
  const { payload, expiresAt } = await storeContactLink({ clock: deps.clock, random: deps.random }, deps.db.client, target);
  return { url: await buildUrl(deps, connection, payload), expiresAt, workflowUrl: toWorkflowUrl(connection) };
}

/** Finds a link for the reason of a message that has no chat to go to. @returns null where the channel has none, or can't build it now */
export async function findContactLink(
  deps: ContactLinkDeps,
  connection: Connection,
  contactId: string,
): Promise<string | null> {
  if (!connection.channel.buildContactLink) return null;
  try {
    return (await createContactLink(deps, connection, contactId)).url;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return null;
  }
}

/**
 * Builds the vendor's address for a contact whose id a stranger may know. Opening it binds no chat.
 *
 * @throws AppError `not_found`: no contact has such an id, or the channel has no links; `vendor_unavailable`
 */
export async function resolveWorkflowLink(deps: ContactLinkDeps, connection: Connection, contactId: string): Promise<string> {
  const payload = toClaimPayload(contactId);
  if (payload === null || !connection.channel.buildContactLink) {
    throw new AppError('not_found', 'This link is incomplete: it names no contact.');
  }
  return buildUrl(deps, connection, payload);
}

/** Returns the address with a merge field in it, which the CRM replaces in the text of each contact. */
export function toWorkflowUrl({ webhookUrl }: Pick<Connection, 'webhookUrl'>): string {
  return `${webhookUrl}/${contactLinkPath}?contact={{contact.id}}`;
}

async function buildUrl(deps: ContactLinkDeps, connection: Connection, payload: string): Promise<string> {
  const { channel } = connection;
  const url = await channel.buildContactLink?.(deps.createChannelContext(connection, signal), payload);
  if (url) return url;
  throw new AppError('vendor_unavailable', `${channel.title} could not be asked for the address of the link.`);
}
