import type { KeyObject } from 'node:crypto';
import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Installations } from '../../compose/installations.ts';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { readSignatureHeader, requireHighLevelSignature } from '../../highlevel/webhook-signature.ts';

export interface WorkflowAuthDeps {
  /** The first is current; all are accepted, so that it can be changed without a gap. */
  workflowSecrets: readonly string[];
  webhookKeys: readonly KeyObject[];
}

/** Header that the actions and triggers of the app are set up to send. */
const secretHeader = 'x-patchbay-secret';

/**
 * Requires the secret that our actions and triggers send, before the body is read. Without a secret in the settings no request is accepted.
 *
 * @throws AppError `not_found`: workflows are not set up; `unauthorized`
 */
export function requireSecret({ workflowSecrets }: WorkflowAuthDeps, request: Request): void {
  if (workflowSecrets.length === 0) {
    throw new AppError('not_found', 'Workflow actions and triggers are not set up: the operator has not set WORKFLOW_SECRETS.');
  }
  const given = request.get(secretHeader) ?? '';
  // All are compared: the duration must not reveal which of them is near.
  const matches = workflowSecrets.filter((secret) => safeEqual(given, secret));
  if (matches.length === 0) throw new AppError('unauthorized', `The header ${secretHeader} is missing or wrong.`);
}

/**
 * Refuses a wrong signature of HighLevel's. No source says whether requests of workflows are signed, so a missing one is accepted: the secret
 * has been checked (platform-2026-11.md 3.2).
 *
 * @throws AppError `signature_invalid`
 */
export async function refuseWrongSignature({ webhookKeys }: WorkflowAuthDeps, request: Request, body: Buffer): Promise<void> {
  const header = request.get('x-ghl-signature');
  if (header === undefined || header === '' || header === 'N/A') return;
  await requireHighLevelSignature(webhookKeys, readSignatureHeader(header), body);
}

/** Requests of one location in ten seconds: a bulk enrolment sends as many as it has contacts. */
const locationLimit = { points: 1_000, duration: 10 };

/**
 * Creates the check of the location that a request names: the app is installed there, and it does not send too many. One that waits for a
 * token is accepted: its messages and events wait for the token too, and HighLevel is not known to repeat a refused request.
 */
export function createLocationCheck({ loadInstallation }: Pick<Installations, 'loadInstallation'>) {
  const limiter = new RateLimiterMemory(locationLimit);
  return async (locationId: string): Promise<void> => {
    const installation = await loadInstallation(toLocationOwner(locationId));
    if (!installation || installation.status === 'uninstalled') {
      throw new AppError('forbidden', 'The app is not installed in this location.');
    }
    await limiter.consume(locationId).catch((error: unknown) => {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw new AppError('too_many_requests', 'Too many requests of this location’s workflows. Please wait a moment.', {
        retryAfterMs: error.msBeforeNext,
      });
    });
  };
}
