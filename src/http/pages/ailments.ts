import type { HealthIssue } from '../../alerts/health.ts';
import type { AlertKind } from '../../database/client.ts';
import type { LinkQuery } from './page.ts';
import type { Text } from './texts.ts';

/** What is wrong somewhere, in the reader's words, with the way on. */
export interface Told {
  readonly why: string;
  readonly tone: 'bad' | 'warn' | 'info';
  readonly title: string;
  readonly meaning: string;
  readonly todo: { readonly text: string; readonly href: string; readonly isOutside: boolean } | null;
}

export interface TellDeps {
  text: Text;
  url(path: string, query?: LinkQuery): string;
  /** Where one installs the app again. */
  appUrl: string;
  /** For pages about many locations: the one that it is wrong with. */
  locationId?: string | null | undefined;
}

/** Where it is mended. */
const mends: Readonly<Record<string, { path: string; query?: LinkQuery }>> = {
  no_channel: { path: 'channels' },
  channel_disconnected: { path: 'channels' },
  channel_failing: { path: 'messages', query: { status: 'failed' } },
  location_silent: { path: 'messages', query: { direction: 'outbound' } },
  permission_missing: { path: 'alerts' },
};

const tones: Readonly<Record<string, Told['tone']>> = {
  reauth_required: 'bad',
  channel_failing: 'bad',
  permission_missing: 'bad',
  no_channel: 'warn',
  location_silent: 'info',
};

/** Tells what is wrong: an open alert, or what a location's health says. */
export function tell({ text, url, appUrl, locationId }: TellDeps, why: HealthIssue | AlertKind): Told {
  const told = {
    why,
    tone: tones[why] ?? 'warn',
    title: text(`ailments.${why}.title`),
    meaning: text(`ailments.${why}.meaning`),
  };
  if (why === 'reauth_required') {
    return { ...told, todo: { text: text('ailments.reauth_required.todo'), href: `${appUrl}/install`, isOutside: true } };
  }
  const mend = mends[why];
  if (!mend) return { ...told, todo: null };
  const path = locationId ? `/locations/${locationId}/${mend.path}` : mend.path;
  return { ...told, todo: { text: text(`ailments.${why}.todo`), href: url(path, mend.query), isOutside: false } };
}
