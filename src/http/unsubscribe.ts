import { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import { mailOptOutReasons } from '../channels/mail/opt-out-reasons.ts';
import { isUnsubscribeLink, unsubscribePath } from '../channels/mail/unsubscribe.ts';
import type { Connections } from '../compose/connections.ts';
import type { Messaging } from '../compose/messaging.ts';
import type { Connection } from '../connections/connection.ts';
import { isAppError } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';

export interface UnsubscribePageDeps {
  log: Log;
  connections: Pick<Connections, 'getConnection'>;
  messaging: Pick<Messaging, 'recordOptOut'>;
}

const linkQuery = z.object({ address: z.string().min(1), proof: z.string() });

/**
 * Creates the page behind the unsubscribe link of an email. A POST, which mail programs make at one click (RFC 8058), is the contact's opt-out.
 * A GET, which scanners of links make too, shows a button and changes no state.
 */
export function createUnsubscribeRouter(deps: UnsubscribePageDeps): Router {
  const router = Router({ caseSensitive: true });
  const path = `/channels/:connectionId/${unsubscribePath}`;

  router.get(path, async (request, response) => {
    const link = await readLink(deps, request);
    if (link) renderPage(response, 'ask', link.address);
    else renderPage(response, 'broken');
  });

  router.post(path, async (request, response) => {
    const link = await readLink(deps, request);
    if (!link) return renderPage(response, 'broken');
    const { connection, address } = link;
    const optOut = { address, optedOut: true, category: 'all', reason: mailOptOutReasons.link } as const;
    await deps.messaging.recordOptOut(connection, optOut);
    renderPage(response, 'done', address);
  });

  return router;
}

/** @returns null for a link that we did not write, or of a connection that is gone */
async function readLink(
  deps: UnsubscribePageDeps,
  request: Request,
): Promise<{ connection: Connection; address: string } | null> {
  const id = z.uuid().safeParse(request.params.connectionId);
  const query = linkQuery.safeParse(request.query);
  if (!id.success || !query.success) return null;
  const connection = await findConnection(deps, id.data);
  if (!connection) return null;
  const { channel, config, previousConfig } = connection;
  const configs = previousConfig ? [config, previousConfig] : [config];
  const secrets = configs.flatMap((one) => channel.listUnsubscribeSecrets?.(one) ?? []);
  return isUnsubscribeLink(connection.id, secrets, query.data) ? { connection, address: query.data.address } : null;
}

async function findConnection({ connections, log }: UnsubscribePageDeps, id: string): Promise<Connection | null> {
  try {
    return await connections.getConnection(id);
  } catch (err) {
    if (!isAppError(err)) throw err;
    if (err.code !== 'not_found') log.warn({ err, connectionId: id }, 'an unsubscribe link can’t be checked');
    return null;
  }
}

function renderPage(response: Response, state: 'ask' | 'done' | 'broken', address = ''): void {
  response
    .status(state === 'broken' ? 404 : 200)
    .set({ 'cache-control': 'no-store', 'x-robots-tag': 'noindex' })
    .render('unsubscribe', { state, address });
}
