import { isAppError } from '../core/errors.ts';
import type { Database, WorkflowSend } from '../database/client.ts';
import type { HighLevel } from '../highlevel/client.ts';
import { maxClockSkewMs, toLocationOwner } from '../highlevel/client.ts';
import { listMessages } from '../highlevel/message-list.ts';
import { operations } from '../highlevel/operations.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { Installation, InstallationKey } from '../installations/store.ts';

export interface FindPostedSendDeps {
  db: Database;
  highLevel: HighLevel;
  providers: readonly Provider[];
  loadInstallation(key: InstallationKey): Promise<Installation | null>;
  /** Returns those of a location's message ids that came before a time. */
  listEarlierMessageIds(locationId: string, highlevelMessageIds: readonly string[], before: Date): Promise<Set<string>>;
}

/** `absent`: HighLevel's list lacks it. `unknown`: the list may not be read, or omits the content. */
export type FoundSend = { readonly highlevelMessageId: string } | 'absent' | 'unknown';

/**
 * Searches HighLevel's list for the message that a request may have created although its response was lost: the same content, from the time
 * of the request, that is neither another send's nor had come before. @throws AppError as the client
 */
export async function findPostedSend(deps: FindPostedSendDeps, send: WorkflowSend): Promise<FoundSend> {
  const { locationId, contactId, postStartedAt, providerKey } = send;
  const provider = deps.providers.find(({ key }) => key === providerKey);
  const installation = await deps.loadInstallation(toLocationOwner(locationId));
  const canRead = installation?.scopes.includes(operations.listMessages.scope) ?? false;
  // The list leaves out the content of emails.
  if (!provider || provider.kind.startsWith('email') || !canRead || postStartedAt === null) return 'unknown';
  try {
    const since = new Date(postStartedAt.getTime() - maxClockSkewMs);
    const { messages } = await listMessages(deps.highLevel, { locationId, contactId, since });
    const candidates = messages.filter(
      (listed) =>
        listed.direction === 'outbound' &&
        listed.text.trim().startsWith((send.text ?? '').trim()) &&
        listed.attachmentCount === send.attachments.length &&
        (listed.conversationProviderId ?? provider.id) === provider.id,
    );
    const ids = candidates.map(({ id }) => id);
    const [others, earlier] = await Promise.all([
      listIdsOfOthers(deps.db, send, ids),
      deps.listEarlierMessageIds(locationId, ids, postStartedAt),
    ]);
    const found = ids.find((id) => !others.has(id) && !earlier.has(id));
    return found === undefined ? 'absent' : { highlevelMessageId: found };
  } catch (error) {
    if (isAppError(error, 'highlevel_refused', 'highlevel_forbidden')) return 'unknown';
    throw error;
  }
}

async function listIdsOfOthers(db: Database, send: WorkflowSend, ids: readonly string[]): Promise<Set<string | null>> {
  const rows = await db.client.workflowSend.findMany({
    where: { locationId: send.locationId, highlevelMessageId: { in: [...ids] }, id: { not: send.id } },
    select: { highlevelMessageId: true },
  });
  return new Set(rows.map(({ highlevelMessageId }) => highlevelMessageId));
}
