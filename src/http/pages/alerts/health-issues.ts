import type { HealthIssue } from '../../../alerts/health.ts';
import type { AlertKind } from '../../../database/client.ts';
import type { LinkQuery } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';

/** A health issue, translated, with a link to its fix. */
export interface IssueView {
  readonly kind: string;
  readonly tone: 'bad' | 'warn' | 'info';
  readonly title: string;
  readonly explanation: string;
  readonly action: { readonly text: string; readonly href: string; readonly isExternal: boolean } | null;
}

export interface IssueContext {
  text: Text;
  url(path: string, query?: LinkQuery): string;
  /** The base URL for reinstalling the app. */
  appUrl: string;
  /** On pages about many locations: the affected one. */
  locationId?: string | null | undefined;
}

/** The pages on which issues are fixed. */
const fixLinks: Readonly<Record<string, { path: string; query?: LinkQuery }>> = {
  no_channel: { path: 'channels' },
  channel_disconnected: { path: 'channels' },
  channel_held: { path: 'channels' },
  channel_failing: { path: 'messages', query: { status: 'failed' } },
  location_silent: { path: 'messages', query: { direction: 'outbound' } },
  permission_missing: { path: 'alerts' },
  mail_complaints: { path: 'alerts' },
  webhook_disabled: { path: 'webhooks' },
};

const tones: Readonly<Record<string, IssueView['tone']>> = {
  reauth_required: 'bad',
  channel_held: 'bad',
  channel_failing: 'bad',
  permission_missing: 'bad',
  no_channel: 'warn',
  location_silent: 'info',
};

/** Describes an open alert or a location's health issue. */
export function describeIssue({ text, url, appUrl, locationId }: IssueContext, kind: HealthIssue | AlertKind): IssueView {
  const issue = {
    kind,
    tone: tones[kind] ?? 'warn',
    title: text(`healthIssues.${kind}.title`),
    explanation: text(`healthIssues.${kind}.explanation`),
  };
  if (kind === 'reauth_required') {
    return {
      ...issue,
      action: { text: text('healthIssues.reauth_required.action'), href: `${appUrl}/install`, isExternal: true },
    };
  }
  const fix = fixLinks[kind];
  if (!fix) return { ...issue, action: null };
  const path = locationId ? `/locations/${locationId}/${fix.path}` : fix.path;
  return { ...issue, action: { text: text(`healthIssues.${kind}.action`), href: url(path, fix.query), isExternal: false } };
}
