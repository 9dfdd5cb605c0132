import type { Alert, AlertKind } from '../database/client.ts';

export type { Alert, AlertKind };

/** Titles of all kinds of alerts. */
export const alertTitles: Readonly<Record<AlertKind, string>> = {
  channel_failing: 'Channel failing',
  channel_held: 'Channel on hold',
  channel_disconnected: 'Channel disconnected',
  location_silent: 'Location silent',
  reauth_required: 'Reconnect required',
  quota_low: 'API quota almost used',
  queue_latency: 'Queue backlog',
  signatures_invalid: 'Invalid webhook signatures',
  permission_missing: 'Permission missing',
  addresses_mixed_up: 'Webhook URLs mixed up',
  auth_failures: 'Authentication failures',
  mail_complaints: 'Spam complaints',
  webhook_disabled: 'Webhook endpoint disabled',
};

export const alertKinds = Object.keys(alertTitles) as [AlertKind, ...AlertKind[]];

/** Thresholds of the alert rules, from the operator's settings. */
export interface AlertThresholds {
  /** Share of a connection's attempts that failed, from 0 to 1. */
  readonly failureRate: number;
  readonly silentHours: number;
  /** Remaining requests of HighLevel's daily quota. */
  readonly quotaRemaining: number;
  readonly queueLatencySeconds: number;
  /** Invalid signatures, or authentication failures of one kind, within five minutes. */
  readonly signatureFailures: number;
}

/** A condition that an alert rule has found. */
export interface Finding {
  /** Subject of the alert; there is one open alert of a kind and a subject. */
  readonly subject: string;
  /** Owner of the alert; both are null for an alert of the operator. */
  readonly locationId: string | null;
  readonly companyId: string | null;
  /** Sentence for the owner: without secrets, with HighLevel as "the CRM". */
  readonly details: string;
}

/** The open alerts of one kind, by subject. A rule resolves them later than it would trigger them (hysteresis against flapping). */
export type OpenAlerts = ReadonlyMap<string, Alert>;

/** Formats the name of a location or a company, with its id. */
export function formatName({ name, id }: { name: string | null; id: string }): string {
  return name ? `${name} (${id})` : id;
}
