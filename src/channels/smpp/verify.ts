import { isAppError } from '../../core/errors.ts';
import type { VerifyResult } from '../channel.ts';
import { type BindRefusal, openBind, toAccountKey } from './bind.ts';
import type { SmppConfig, SmppContext } from './config.ts';
import { responseStatuses } from './link.ts';
import { parseState } from './state.ts';

/** The open session renews its mark each minute. */
const boundTtlMs = 3 * 60_000;
/** Then a message is tried again: the carrier may have changed the account. */
const refusalTtlMs = 60 * 60_000;
const alreadyBound = 0x05;
const unbindMs = 2_000;

const fieldsByStatus: Readonly<Record<number, keyof SmppConfig>> = { 14: 'password', 15: 'systemId', 83: 'systemType' };
const hostErrors = new Set(['ENOTFOUND', 'EAI_NONAME', 'EINVAL']);

/**
 * Binds, asks for a sign of life and unbinds. Not beside a session that is open for the same account: many carriers allow one bind, and some end
 * the earlier one.
 */
export async function verifyConfig(context: SmppContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const account = `${config.systemId} at ${config.host}`;
  const { bound, refusal } = parseState(await context.state.get());
  const key = toAccountKey(config);
  const now = context.clock.now();
  if (refusal?.as === key && now - refusal.at < refusalTtlMs) {
    return { kind: 'rejected', problems: [{ code: refusal.code, message: refusal.message }] };
  }
  // After the refusal: a session that is still open renews its mark.
  if (bound?.as === key && now - bound.at < boundTtlMs) return { kind: 'verified', account };
  try {
    const opened = await openBind(context, config.bindMode === 'pair' ? 'transmitter' : 'transceiver', {
      // A session will take it.
      receive: async () => responseStatuses.tryLater,
      notice: () => {},
    });
    if ('refusal' in opened) return toResult(opened.refusal, account);
    const reply = await opened.link.request({ command: 'enquire_link', fields: {} });
    await opened.link.unbind(unbindMs);
    if (reply.kind === 'response') return { kind: 'verified', account };
    return { kind: 'unavailable', code: 'no_response', message: 'The carrier accepted the bind and then did not respond.' };
  } catch (error) {
    return toFailure(error, config);
  }
}

function toResult({ kind, status, code, message }: BindRefusal, account: string): VerifyResult {
  if (status === alreadyBound) {
    const warning = 'The account is bound elsewhere, and the carrier allows no further bind: it could not be checked.';
    return { kind: 'verified', account, warnings: [warning] };
  }
  if (kind === 'later') return { kind: 'unavailable', code, message };
  const field = fieldsByStatus[status];
  return { kind: 'rejected', problems: [{ ...(field ? { field } : {}), code, message }] };
}

/** All failures of the network are one: what is behind a port is not for a form to say. */
function toFailure(error: unknown, { host, port }: SmppConfig): VerifyResult {
  if (isAppError(error, 'private_address')) {
    return { kind: 'rejected', problems: [{ field: 'host', code: 'private_address', message: error.message }] };
  }
  const code = String((error as NodeJS.ErrnoException).code ?? '');
  if (hostErrors.has(code)) {
    return { kind: 'rejected', problems: [{ field: 'host', code: 'unknown_host', message: `There is no host ${host}.` }] };
  }
  if (/CERT|SELF_SIGNED|ALTNAME|UNABLE_TO_/.test(code)) {
    const message = `The certificate of ${host} is not valid (${code}).`;
    return { kind: 'rejected', problems: [{ field: 'tls', code: 'certificate', message }] };
  }
  return { kind: 'unavailable', code: 'unreachable', message: `No SMPP server responds at ${host}, port ${port}.` };
}
