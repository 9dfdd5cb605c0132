import type { ChannelState, ConfigProblem, VerifyResult } from '../channels/channel.ts';
import { isAppError } from '../core/errors.ts';
import { type CallVendorDeps, callVendor } from './call-vendor.ts';
import type { Connection } from './connection.ts';
import { redactSecrets } from './redact-secrets.ts';

/** The vendor's word on a config. */
export type Verification =
  | { kind: 'verified'; account: string; warnings: readonly string[]; problems: readonly ConfigProblem[]; isPaired: boolean }
  | { kind: 'rejected'; problems: readonly ConfigProblem[] }
  | { kind: 'unavailable'; code: string; message: string; field?: string };

const verifyTimeoutMs = 20_000;

/**
 * Asks the vendor whether it accepts a connection's config and, if so, whether a device is paired.
 *
 * @param state of a connection that is not stored yet
 * @returns null when the channel cannot ask
 */
export async function verifyConnection(
  deps: CallVendorDeps,
  connection: Connection,
  state?: ChannelState,
): Promise<Verification | null> {
  const { setup } = connection.channel;
  if (!setup) return null;
  const redact = (text: string) => redactSecrets(connection, text);
  const redactProblems = (problems: readonly ConfigProblem[]) =>
    problems.map((problem) => ({ ...problem, message: redact(problem.message) }));
  try {
    return await callVendor(deps, connection, { timeoutMs: verifyTimeoutMs, state }, async (context) => {
      const result: VerifyResult = await setup.verify(context);
      if (result.kind === 'unavailable') return { ...result, message: redact(result.message) };
      if (result.kind === 'rejected') return { ...result, problems: redactProblems(result.problems) };
      const pairing = await setup.getPairing?.(context);
      const { kind, account, warnings = [], problems = [] } = result;
      return {
        ...{ kind, account: redact(account), warnings: warnings.map(redact), problems: redactProblems(problems) },
        isPaired: pairing?.status !== 'waiting',
      };
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kind: 'unavailable', code: error.code, message: error.message };
  }
}
