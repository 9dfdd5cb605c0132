import type { RequestHandler } from 'express';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { isAllowedHost } from '../../core/hosts.ts';
import type { Log } from '../../runtime/log.ts';

const hourMs = 60 * 60 * 1000;
const forwardedHeaders = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];

/**
 * Warns, once an hour, of forwarded headers from an address that is not trusted: either a proxy of the operator's is missing in the
 * setting, so that all its callers count as one, or a stranger forges the headers, which needs no action.
 */
export function warnAboutUntrustedProxy({ log, clock }: { log: Log; clock: Clock }): RequestHandler {
  let nextWarningMs = 0;
  return (request, _response, next) => {
    const address = request.socket.remoteAddress;
    if (address !== undefined && forwardedHeaders.some((name) => request.headers[name] !== undefined)) {
      const isTrusted = request.app.get('trust proxy fn') as (address: string, hop: number) => boolean;
      if (!isTrusted(address, 0) && clock.now() >= nextWarningMs) {
        nextWarningMs = clock.now() + hourMs;
        log.warn({ address }, 'ignored X-Forwarded headers from an address that TRUST_PROXY does not name');
      }
    }
    next();
  };
}

/** Rejects requests for other hosts. Ignores forwarded headers. @throws AppError `forbidden` */
export function requireHost(hosts: ReadonlySet<string>): RequestHandler {
  return (request, _response, next) => {
    if (isAllowedHost(hosts, request.headers.host)) return next();
    throw new AppError('forbidden', 'Outside production, the host must be localhost or the host of APP_URL.');
  };
}
