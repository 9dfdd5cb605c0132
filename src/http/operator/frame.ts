import { readCookie, toCookieName } from '../cookies.ts';
import type { PageFrame } from '../pages/page-frame.ts';
import type { Text } from '../pages/texts.ts';

/** Whole pages under `/admin`, for a browser that carries the operator's session. Links are paths; every form proves that it is ours. */
export function operatorFrame({ version, https }: { version: string; https: boolean }): PageFrame {
  const address = (path: string) => `/admin/${path}`.replace(/\/$/, '');
  const noticeCookie = toCookieName('patchbay_notice', { path: '/admin', https });
  const cookie = { path: '/admin', httpOnly: true, sameSite: 'strict', secure: https } as const;
  return {
    href: address,
    action: address,
    hiddenFields: (_request, response) => response.locals.formFields ?? {},
    send(response, { status, title, nav, body, notice }) {
      const kept = readCookie(response.req, noticeCookie);
      if (kept) response.clearCookie(noticeCookie, cookie);
      response
        .status(status)
        .set('cache-control', 'no-store')
        .render('operator/page', {
          text: response.locals.text as Text,
          title,
          nav,
          body,
          notice: notice ?? kept ?? null,
          hidden: response.locals.formFields ?? {},
          version,
        });
    },
    goTo(response, href, notice) {
      // Not in the session: a page that writes it while another signs out would bring it back.
      if (notice) response.cookie(noticeCookie, notice, { ...cookie, maxAge: 60_000 });
      response.set('cache-control', 'no-store').redirect(303, href);
    },
  };
}
