import type { AlertKind, InstallationStatus } from '../database/client.ts';

/** Why a location is not well. */
export type HealthIssue =
  | 'reauth_required'
  | 'suspended'
  | 'uninstalled'
  | 'pending'
  | 'no_channel'
  | Exclude<AlertKind, 'reauth_required'>;

/** How a location is, in a word, and why. */
export type Health =
  | { readonly kind: 'good'; readonly issue: null }
  | { readonly kind: 'attention' | 'silent'; readonly issue: HealthIssue };

/** What is known of a location; its open alerts have been judged already. */
export interface LocationFacts {
  readonly status: InstallationStatus;
  readonly channelCount: number;
  readonly alerts: readonly AlertKind[];
}

/** Those that stand first matter most. */
const issuesBySeverity = [
  'permission_missing',
  'channel_failing',
  'channel_disconnected',
  'quota_low',
  'queue_latency',
  'signatures_invalid',
  'addresses_mixed_up',
  'auth_failures',
] as const;

/**
 * How a location is. It judges nothing that the alerts judge: what is open there is what is wrong. Beside them stand the installation's own
 * status, which is known at once, and whether there is any channel at all.
 */
export function assessHealth({ status, channelCount, alerts }: LocationFacts): Health {
  if (status !== 'active') return { kind: 'attention', issue: status };
  if (channelCount === 0) return { kind: 'attention', issue: 'no_channel' };
  const open = issuesBySeverity.find((kind) => alerts.includes(kind));
  if (open) return { kind: 'attention', issue: open };
  return alerts.includes('location_silent') ? { kind: 'silent', issue: 'location_silent' } : { kind: 'good', issue: null };
}
