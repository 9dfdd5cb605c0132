import type { Alert, AlertKind } from '../database/client.ts';

export type { Alert, AlertKind };

/** Every kind, with the words that stand above its details. */
export const alertTitles: Readonly<Record<AlertKind, string>> = {
  channel_failing: 'Channel failing',
  channel_disconnected: 'Channel disconnected',
  location_silent: 'Location silent',
  reauth_required: 'Reconnecting needed',
  quota_low: 'Requests nearly used up',
  queue_latency: 'Queue waiting',
  signatures_invalid: 'Wrong signatures',
  permission_missing: 'Permission missing',
  addresses_mixed_up: 'Addresses mixed up',
  auth_failures: 'Wrong tokens or user contexts',
};

export const alertKinds = Object.keys(alertTitles) as [AlertKind, ...AlertKind[]];

/** From where on something is an alert: the operator's settings. */
export interface AlertThresholds {
  /** Of a connection's attempts, from 0 to 1. */
  readonly failureRate: number;
  readonly silentHours: number;
  /** Requests left of HighLevel's day. */
  readonly quotaRemaining: number;
  readonly queueLatencySeconds: number;
  /** Wrong signatures, and wrong guesses of one kind, within five minutes. */
  readonly signatureFailures: number;
}

/** Something that is not as it should be, now. */
export interface Finding {
  /** What it is about; there is one open alert of a kind and a subject. */
  readonly subject: string;
  /** Whose it is; neither for the operator's own. */
  readonly locationId: string | null;
  readonly companyId: string | null;
  /** In words, for those whose it is: without secrets, and HighLevel is "the CRM". */
  readonly details: string;
}

/** The open alerts of one kind, by subject: what is already known ends later than it would begin, so that nothing flaps. */
export type OpenAlerts = ReadonlyMap<string, Alert>;

/** How people know a location or a company. */
export function formatName({ name, id }: { name: string | null; id: string }): string {
  return name ? `${name} (${id})` : id;
}
