import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';

const noFrameAncestors = "frame-ancestors 'none'";

/** Headers for every answer: nothing is loaded but our own files, and nobody may frame us. */
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

/** Lets these show this one answer in a frame. @param sources as the CSP directive takes them; none leaves it to nobody */
export function allowFraming(response: Response, sources: readonly string[]): void {
  if (sources.length === 0) return;
  const policy = String(response.getHeader('content-security-policy'));
  response.set('content-security-policy', policy.replace(noFrameAncestors, `frame-ancestors ${sources.join(' ')}`));
  // The older header knows no list of origins.
  response.removeHeader('x-frame-options');
}
