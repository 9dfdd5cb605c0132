import type { AlertKind, InstallationStatus } from '../database/client.ts';

/** Reason why a location's health is not good. */
export type HealthIssue =
  | 'reauth_required'
  | 'suspended'
  | 'uninstalled'
  | 'pending'
  | 'no_channel'
  | Exclude<AlertKind, 'reauth_required'>;

/** Health of a location, with the most severe issue. */
export type Health =
  | { readonly kind: 'good'; readonly issue: null }
  | { readonly kind: 'attention' | 'silent'; readonly issue: HealthIssue };

/** Inputs of a location's health. */
export interface LocationFacts {
  readonly status: InstallationStatus;
  readonly channelCount: number;
  readonly alerts: readonly AlertKind[];
}

/** The most severe first. */
const issuesBySeverity = [
  'permission_missing',
  'channel_held',
  'channel_failing',
  'channel_disconnected',
  'mail_complaints',
  'webhook_disabled',
  'quota_low',
  'queue_latency',
  'signatures_invalid',
  'addresses_mixed_up',
  'auth_failures',
] as const;

/**
 * Assesses a location's health by its status, its channels and its open alerts. The alert rules decide all other conditions; the status
 * comes first, as it is current while an alert follows within a minute.
 */
export function assessHealth({ status, channelCount, alerts }: LocationFacts): Health {
  if (status !== 'active') return { kind: 'attention', issue: status };
  if (channelCount === 0) return { kind: 'attention', issue: 'no_channel' };
  const open = issuesBySeverity.find((kind) => alerts.includes(kind));
  if (open) return { kind: 'attention', issue: open };
  return alerts.includes('location_silent') ? { kind: 'silent', issue: 'location_silent' } : { kind: 'good', issue: null };
}
