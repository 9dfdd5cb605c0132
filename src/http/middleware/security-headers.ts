import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';

const noFrameAncestors = "frame-ancestors 'none'";

/** Sets the headers of every response: browsers load only our own files and show no page in a frame. */
export function setSecurityHeaders(options: { https: boolean }): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: options.https ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'no-referrer' },
  });
}

/** Allows origins to frame this response. @param sources in the form of the CSP directive; an empty list allows no origin */
export function allowFraming(response: Response, sources: readonly string[]): void {
  if (sources.length === 0) return;
  const policy = String(response.getHeader('content-security-policy'));
  response.set('content-security-policy', policy.replace(noFrameAncestors, `frame-ancestors ${sources.join(' ')}`));
  // The older header does not support a list of origins.
  response.removeHeader('x-frame-options');
}
