import type { Request, Response } from 'express';

/** A page, ready to be put into its frame. */
export interface RenderedPage {
  status: number;
  title: string;
  /** HTML: the links to other pages, and the page itself. */
  nav: string;
  body: string;
  /** Said once, in passing. */
  notice: string | undefined;
}

/**
 * What is around the pages: the page inside the CRM, or the operator's. It decides how links look and how an answer is sent; pages
 * never ask which one it is.
 */
export interface PageShell {
  /** @param path of a page, with its query, without a slash at its beginning */
  href(path: string): string;
  /** Where a form of the page posts to. */
  action(path: string): string;
  /** Fields that every form carries, such as a proof against forged requests. */
  hiddenFields(request: Request, response: Response): Record<string, string>;
  send(response: Response, rendered: RenderedPage): void;
  redirectTo(response: Response, href: string, notice: string | undefined): void;
}
