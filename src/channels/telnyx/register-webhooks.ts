import type { RegisterResult } from '../channel.ts';
import { type ApiContext, type ApiResponse, requestTelnyx } from './api.ts';
import { isPhoneNumber } from './config.ts';
import { findNumber, findProfile } from './numbers.ts';
import type { ProfileRecord } from './records.ts';
import { canCallBack } from './send.ts';

/**
 * Registers the address for inbound messages with the messaging profile: the connection's, or that of its number. The address of receipts needs
 * no registration, as each message names it.
 */
export async function registerWebhooks(context: ApiContext, replace: boolean): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  const ours = `${webhookUrl}/webhook`;
  if (config.messagingProfileId === undefined && !isPhoneNumber(config.from)) {
    const message = `Open the messaging profile of ${config.from} in Telnyx’s portal, and enter ${ours} as its webhook URL, with the API version 2.`;
    return { kind: 'manual', message };
  }
  if (!canCallBack(webhookUrl, config.baseUrl)) {
    const { hostname } = new URL(webhookUrl);
    const message = `Telnyx cannot call ${hostname}: APP_URL must be a public address.`;
    return { kind: 'failed', code: 'address_private', message };
  }
  const found = await findTarget(context);
  if ('problem' in found) return toFailed(found.problem);
  const { profile } = found;
  if (profile === null) {
    return {
      kind: 'failed',
      code: 'profile_unknown',
      message: 'The number has no messaging profile, or Telnyx does not know it.',
    };
  }
  if (profile.webhookUrl === ours && profile.webhookVersion === '2') return { kind: 'registered' };
  if (profile.webhookUrl !== undefined && profile.webhookUrl !== ours && !replace) {
    return { kind: 'taken', by: toHost(profile.webhookUrl) };
  }
  // Other versions have another format and another signature.
  const response = await update(context, profile, { webhook_url: ours, webhook_api_version: '2' });
  return response.kind === 'ok' ? { kind: 'registered' } : toFailed(response);
}

/** Removes the address for inbound messages, where it is this connection's. */
export async function unregisterWebhooks(context: ApiContext): Promise<void> {
  const found = await findTarget(context);
  if ('problem' in found || found.profile?.webhookUrl !== `${context.connection.webhookUrl}/webhook`) return;
  await update(context, found.profile, { webhook_url: null });
}

/** Finds the messaging profile of a connection; null where there is none. */
export async function findTarget(
  context: ApiContext,
): Promise<{ problem: Exclude<ApiResponse, { kind: 'ok' }> } | { profile: ProfileRecord | null }> {
  const { config } = context.connection;
  if (config.messagingProfileId !== undefined) return findProfile(context, config.messagingProfileId);
  if (!isPhoneNumber(config.from)) return { profile: null };
  const found = await findNumber(context, config.from);
  if ('problem' in found) return found;
  return found.number?.profileId === undefined ? { profile: null } : findProfile(context, found.number.profileId);
}

function update(context: ApiContext, { id }: ProfileRecord, body: Record<string, unknown>): Promise<ApiResponse> {
  return requestTelnyx(context, { path: `/messaging_profiles/${encodeURIComponent(id ?? '')}`, method: 'PATCH', body });
}

function toHost(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

function toFailed(response: Exclude<ApiResponse, { kind: 'ok' }>): RegisterResult {
  if (response.kind === 'failed') return { kind: 'failed', code: 'unreachable', message: response.message };
  const { code, status, message } = response.error;
  return { kind: 'failed', code: code ?? `http_${status}`, message: message ?? `Telnyx responded with ${status}.` };
}
