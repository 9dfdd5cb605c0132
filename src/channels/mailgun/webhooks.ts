import { createHash } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { parseForeignJson, toObject } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, ChannelWebhooks, WebhookRequest, WebhookResult } from '../channel.ts';
import type { MailgunConfig, MailgunContext } from './config.ts';
import { readEventWebhook } from './events.ts';
import { type PostedFile, readInboundMail } from './inbound.ts';
import { createTokenGuard, readProof, requireMailgunSignature, type TokenGuard } from './signature.ts';

/** An email of 25 MB, parsed by Mailgun into text, HTML, both without quotes, and its files. */
const maxBodyBytes = 30 * 1024 * 1024;
/** Events are small: a larger body is none. */
const maxEventBytes = 1024 * 1024;

/** Creates the webhooks of Mailgun: events of the domain, and emails that a route has received. */
export function createMailgunWebhooks(): ChannelWebhooks<MailgunConfig> {
  const guard = createTokenGuard();
  return {
    paths: ['webhook', 'inbound'],
    maxBodyBytes,
    async receive(context, request) {
      const { path, method } = request;
      const signingKeys = listSigningKeys(context);
      if (path !== 'webhook' && path !== 'inbound') {
        throw new AppError('not_found', `This channel has no event called ${truncate(path, 40)}; it has webhook and inbound.`);
      }
      if (method !== 'POST') throw new AppError('method_not_allowed', 'This is the address of a webhook of Mailgun.');
      return path === 'webhook'
        ? receiveEvent(context, guard, signingKeys, request)
        : receiveMail(context, guard, signingKeys, request);
    },
  };
}

function listSigningKeys({ connection: { config, previousConfig } }: MailgunContext): string[] {
  return [config.webhookSigningKey, ...(previousConfig ? [previousConfig.webhookSigningKey] : [])];
}

function receiveEvent(
  { connection }: MailgunContext,
  guard: TokenGuard,
  signingKeys: readonly string[],
  { body }: WebhookRequest,
): WebhookResult {
  if (body.length > maxEventBytes) throw new AppError('payload_invalid', 'This is too large for an event of Mailgun.');
  const fields = toObject(parseForeignJson(body));
  const proof = readProof(toObject(fields.signature));
  requireMailgunSignature(signingKeys, proof);
  return toGuardedResult(guard, proof.token, readEventWebhook(fields, connection.config));
}

async function receiveMail(
  { connection, log }: MailgunContext,
  guard: TokenGuard,
  signingKeys: readonly string[],
  request: WebhookRequest,
): Promise<WebhookResult> {
  const { fields, files } = await readForm(request);
  const proof = readProof(fields);
  requireMailgunSignature(signingKeys, proof);
  const mail = readInboundMail(fields, files, connection.config);
  if (mail.kind === 'ignored') log.info({ reason: mail.reason }, 'an email that no contact has written was left out');
  const events: ChannelEvent[] = mail.kind === 'message' ? [{ kind: 'inbound', inbound: mail.inbound }, ...mail.receipts] : [];
  return toGuardedResult(guard, proof.token, events);
}

/** Mailgun counts 200 alone as received, and repeats a webhook after any other status. */
function toGuardedResult(guard: TokenGuard, token: string, events: ChannelEvent[]): WebhookResult {
  const content = createHash('sha256').update(JSON.stringify(events)).digest('base64');
  guard.requireSameContent(token, content);
  return {
    events,
    // Called once they are stored: a webhook that failed here may be repeated with another content, as far as it is known.
    response() {
      guard.remember(token, content);
      return { status: 200 };
    },
  };
}

/** Reads a form: url-encoded, or in parts where files come along. @throws AppError `payload_invalid` */
export async function readForm({
  headers,
  body,
}: Pick<WebhookRequest, 'headers' | 'body'>): Promise<{ fields: Record<string, unknown>; files: PostedFile[] }> {
  const contentType = headers['content-type'] ?? '';
  if (!contentType.toLowerCase().startsWith('multipart/form-data')) {
    return { fields: Object.fromEntries(new URLSearchParams(body.toString('utf8'))), files: [] };
  }
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } })
    .formData()
    .catch((cause) => {
      throw new AppError('payload_invalid', 'The form could not be read.', { cause });
    });
  const entries = [...form];
  return {
    fields: Object.fromEntries(entries.filter(([, value]) => typeof value === 'string')),
    files: entries.flatMap(([, value]) =>
      typeof value === 'string' ? [] : [{ name: truncate(value.name, 100), bytes: value.size }],
    ),
  };
}
