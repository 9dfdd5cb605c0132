import type { SimMessage, SimNumber, SimProfile } from './state.ts';

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** Renders a message as the API and the webhooks hold it. */
export function renderMessage(message: SimMessage): Record<string, unknown> {
  const isInbound = message.direction === 'inbound';
  const media = message.mediaUrls.map((url) =>
    isInbound ? { url, content_type: 'image/png', size: 1, hash_sha256: '0'.repeat(64) } : { url },
  );
  return {
    ...{ record_type: 'message', direction: message.direction, id: message.id, type: message.type },
    ...{ messaging_profile_id: message.profileId, organization_id: '0b5a2cf2-0000-4000-a000-000000000001' },
    from: { phone_number: message.from, carrier: 'Example', line_type: 'Wireless' },
    to: [{ phone_number: message.to, status: message.status, carrier: 'Example', line_type: 'Wireless' }],
    ...{ cc: [], text: message.text, media, encoding: 'GSM-7', parts: 1, tags: [], cost: null },
    ...{ webhook_url: message.webhookUrl, webhook_failover_url: '', errors: message.errors },
    ...{ received_at: iso(message.createdAt), sent_at: iso(message.completedAt), completed_at: iso(message.completedAt) },
    valid_until: isInbound ? null : iso(message.createdAt + 60 * 60 * 1000),
  };
}

/** Renders a row of the detail records: no text, and only part of a message's words. */
export function renderDetailRecord(message: SimMessage): Record<string, unknown> {
  return {
    ...{ record_type: 'messaging', uuid: message.id, direction: message.direction, cld: message.to, cli: message.from },
    ...{ created_at: iso(message.createdAt), message_type: message.type, status: message.status, parts: 1 },
    profile_id: message.profileId,
  };
}

/** Renders a messaging profile. */
export function renderProfile(profile: SimProfile): Record<string, unknown> {
  return {
    ...{ record_type: 'messaging_profile', id: profile.id, name: profile.name, enabled: profile.enabled },
    ...{ webhook_url: profile.webhookUrl, webhook_failover_url: null, webhook_api_version: profile.webhookApiVersion },
    whitelisted_destinations: profile.whitelistedDestinations,
  };
}

const bothWays = { domestic_two_way: true, international_inbound: true, international_outbound: true };

/** Renders a number with its messaging settings. */
export function renderNumber(number: SimNumber): Record<string, unknown> {
  return {
    ...{ record_type: 'messaging_settings', id: number.phoneNumber, phone_number: number.phoneNumber, type: number.type },
    ...{ messaging_profile_id: number.profileId, country_code: 'US' },
    features: { sms: number.hasSms ? bothWays : null, mms: bothWays },
  };
}
