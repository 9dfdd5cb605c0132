import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import { addCall } from '../../highlevel/calls.ts';
import type { HighLevel } from '../../highlevel/client.ts';
import {
  addInboundMessage,
  type InboundPost,
  type InboundType,
  inboundTypes,
  isTypeMismatch,
  type PostedMessage,
} from '../../highlevel/messages.ts';
import type { Log } from '../../runtime/log.ts';

export interface InboundTypeDeps {
  db: Database;
  clock: Clock;
  highLevel: HighLevel;
  log: Log;
}

/**
 * Posts a message under the type that its provider accepts. A rejection of the type proves that HighLevel stored no message, so each
 * other type of the kind is tried once. The type that works is stored by the provider's id: it follows from the app's setup in HighLevel's
 * portal, which is the same for every location.
 *
 * @throws AppError as the client
 */
export async function postInbound(deps: InboundTypeDeps, post: InboundPost): Promise<PostedMessage> {
  const { provider } = post;
  if (provider.kind === 'call') return addCall(deps.highLevel, post, await findConversation(deps.db, post));
  const [preferred, ...others] = await listTypes(deps.db, provider);
  try {
    return await addInboundMessage(deps.highLevel, post, preferred);
  } catch (error) {
    let lastError = error;
    for (const type of others) {
      if (!isTypeMismatch(lastError)) break;
      try {
        const posted = await addInboundMessage(deps.highLevel, post, type);
        await storeType(deps, provider, type);
        return posted;
      } catch (nextError) {
        lastError = nextError;
      }
    }
    throw lastError;
  }
}

/** Lists the types of a provider, the stored one first. */
async function listTypes(db: Database, { id, kind }: InboundPost['provider']): Promise<[InboundType, ...InboundType[]]> {
  const types = inboundTypes[kind];
  const row = types.length > 1 ? await db.client.inboundType.findUnique({ where: { providerId: id } }) : null;
  const isStored = (type: InboundType) => type === row?.type;
  return [...types.filter(isStored), ...types.filter((type) => !isStored(type))] as [InboundType, ...InboundType[]];
}

/** Stores a type. The message is posted by now, so a failure here must not post it again: the next message tries the types anew. */
async function storeType(deps: InboundTypeDeps, { id }: InboundPost['provider'], type: InboundType): Promise<void> {
  const fields = { type, recordedAt: dateNow(deps.clock) };
  try {
    await deps.db.client.inboundType.upsert({
      where: { providerId: id },
      create: { providerId: id, ...fields },
      update: fields,
    });
  } catch (error) {
    deps.log.warn({ err: error, providerId: id }, 'the type that a provider accepts could not be stored');
  }
}

/** Finds the conversation of a contact that an earlier message was in. */
async function findConversation(db: Database, { locationId, contactId }: InboundPost): Promise<string | null> {
  const row = await db.client.message.findFirst({
    where: { locationId, contactId, conversationId: { not: null } },
    select: { conversationId: true },
    orderBy: { id: 'desc' },
  });
  return row?.conversationId ?? null;
}
