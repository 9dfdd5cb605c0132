import { readCookie, toCookieName } from '../cookies.ts';
import type { PageShell } from '../pages/framework/shell.ts';
import type { Text } from '../pages/framework/texts.ts';

/** Creates the shell of whole pages under `/admin`, for the operator's session. Links are paths; forms carry a CSRF token. */
export function createAdminShell({ version, https }: { version: string; https: boolean }): PageShell {
  const toAdminUrl = (path: string) => `/admin/${path}`.replace(/\/$/, '');
  const noticeCookie = toCookieName('patchbay_notice', { path: '/admin', https });
  const cookie = { path: '/admin', httpOnly: true, sameSite: 'strict', secure: https } as const;
  return {
    href: toAdminUrl,
    action: toAdminUrl,
    hiddenFields: (_request, response) => response.locals.formFields ?? {},
    send(response, { status, title, nav, body, notice }) {
      const storedNotice = readCookie(response.req, noticeCookie);
      if (storedNotice) response.clearCookie(noticeCookie, cookie);
      response
        .status(status)
        .set('cache-control', 'no-store')
        .render('admin/page', {
          text: response.locals.text as Text,
          title,
          nav,
          body,
          notice: notice ?? storedNotice ?? null,
          hidden: response.locals.formFields ?? {},
          version,
        });
    },
    redirectTo(response, href, notice) {
      // Not in the session: a page that writes it during a sign-out would restore it.
      if (notice) response.cookie(noticeCookie, notice, { ...cookie, maxAge: 60_000 });
      response.set('cache-control', 'no-store').redirect(303, href);
    },
  };
}
