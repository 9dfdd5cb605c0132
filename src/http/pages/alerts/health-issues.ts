import type { HealthIssue } from '../../../alerts/health.ts';
import type { AlertKind } from '../../../database/client.ts';
import type { LinkQuery } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';

/** What is wrong somewhere, in the reader's words, with the way on. */
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
  /** Where one installs the app again. */
  appUrl: string;
  /** For pages about many locations: the one that it is wrong with. */
  locationId?: string | null | undefined;
}

/** Where it is mended. */
const fixLinks: Readonly<Record<string, { path: string; query?: LinkQuery }>> = {
  no_channel: { path: 'channels' },
  channel_disconnected: { path: 'channels' },
  channel_failing: { path: 'messages', query: { status: 'failed' } },
  location_silent: { path: 'messages', query: { direction: 'outbound' } },
  permission_missing: { path: 'alerts' },
};

const tones: Readonly<Record<string, IssueView['tone']>> = {
  reauth_required: 'bad',
  channel_failing: 'bad',
  permission_missing: 'bad',
  no_channel: 'warn',
  location_silent: 'info',
};

/** Tells what is wrong: an open alert, or what a location's health says. */
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
