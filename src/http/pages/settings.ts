import * as z from 'zod';
import { definePage, type Page } from './framework/page.ts';

/** Creates the page that leads to the pages which a location needs now and then. */
export function createSettingsPage(pages: readonly Page[]): Page {
  const listed = pages
    .filter(({ nav }) => nav?.isInSettings)
    .sort((one, other) => (one.nav?.order ?? 0) - (other.nav?.order ?? 0));

  return definePage({
    path: 'settings',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'settings',
    nav: { text: 'settings.nav', order: 50 },
    query: z.object({}),

    async show({ viewer, can, text, url }) {
      const shown = listed.filter(
        ({ scope, viewers, permission }) => scope === 'location' && viewers.includes(viewer) && can(permission),
      );
      return {
        title: text('settings.title'),
        links: shown.map(({ path, nav }) => ({
          href: url(path),
          name: text(nav?.text ?? ''),
          about: text(`settings.about.${path}`),
        })),
      };
    },
  });
}
