import type { Request, Response } from 'express';

/** A rendered page for its shell. */
export interface RenderedPage {
  status: number;
  title: string;
  /** HTML: the links to other pages, and the page itself. */
  nav: string;
  body: string;
  /** A message that is shown once. */
  notice: string | undefined;
}

/**
 * The surroundings of the pages: the embedded page in the CRM, or the operator's pages. A shell builds links and sends responses;
 * pages do not know which shell they are in.
 */
export interface PageShell {
  /** @param path of a page, with its query, without a leading slash */
  href(path: string): string;
  /** Returns the address that a page's forms post to. */
  action(path: string): string;
  /** Returns the hidden fields of every form, such as a CSRF token. */
  hiddenFields(request: Request, response: Response): Record<string, string>;
  send(response: Response, rendered: RenderedPage): void;
  redirectTo(response: Response, href: string, notice: string | undefined): void;
}
