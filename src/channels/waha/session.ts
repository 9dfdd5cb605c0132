import type { Pairing, VerifyResult } from '../channel.ts';
import { trimSlashes } from '../whatsapp-web/call-server.ts';
import { markLinked, toVerifyResult } from '../whatsapp-web/session-state.ts';
import { loadState, updateState } from '../whatsapp-web/state.ts';
import { callWaha, toSessionPath } from './api.ts';
import type { WahaConfig, WahaContext } from './config.ts';
import { readReason } from './errors.ts';
import { readPairingCode, readQrCode, readSession, type SessionInfo } from './responses.ts';

/** Returns a text that stands for the server and its session. */
export function toLinkKey({ baseUrl, session }: Pick<WahaConfig, 'baseUrl' | 'session'>): string {
  return `${trimSlashes(baseUrl)} ${session}`;
}

/** Asks the server whether it accepts the key and knows the session, and whether a phone is linked. */
export async function verifyConfig(context: WahaContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const result = await callWaha(context, { method: 'GET', path: toSessionPath(config) });
  if (result.kind === 'no_response') return { kind: 'unavailable', code: 'unreachable', message: result.message };
  if (result.kind === 'error') {
    const { status } = result;
    const reason = readReason(result);
    if (status === 401 || status === 403) {
      const message = `WAHA does not accept the API key (${reason}).`;
      return { kind: 'rejected', problems: [{ field: 'apiKey', code: 'credentials', message }] };
    }
    if (status === 404) {
      const message = `WAHA knows no session “${config.session}” (${reason}). Create it in the server’s dashboard.`;
      return { kind: 'rejected', problems: [{ field: 'session', code: 'session_unknown', message }] };
    }
    if (status >= 500 || status === 429) {
      return { kind: 'unavailable', code: `http_${status}`, message: `WAHA responded with ${status}: ${reason}.` };
    }
    const message = `The server responded with ${status}: ${reason}. Check its address.`;
    return { kind: 'rejected', problems: [{ field: 'baseUrl', code: `http_${status}`, message }] };
  }
  const session = readSession(result.body);
  if (!session) {
    const message = 'The server’s response is not one of WAHA. Check its address.';
    return { kind: 'rejected', problems: [{ field: 'baseUrl', code: 'not_waha', message }] };
  }
  return toVerifyResult(context, toLinkKey(config), session.link, toAccount(config, session));
}

function toAccount({ session }: WahaConfig, { phone, pushName }: SessionInfo): string {
  return [pushName, phone === undefined ? undefined : `+${phone}`].filter(Boolean).join(', ') || session;
}

/**
 * Returns the QR code of a session that waits for its phone, and a code to type where a number is set. It starts a session that is stopped,
 * and restarts one that has failed, as neither has a QR code.
 */
export async function getPairing(context: WahaContext): Promise<Pairing> {
  const { config } = context.connection;
  const result = await callWaha(context, { method: 'GET', path: toSessionPath(config) });
  const session = result.kind === 'ok' ? readSession(result.body) : null;
  switch (session?.link) {
    case 'linked':
      await markLinked(context, toLinkKey(config));
      return { status: 'paired' };
    case 'unlinked': {
      const [qrCode, code] = await Promise.all([loadQrCode(context), loadPairingCode(context)]);
      return { status: 'waiting', ...(qrCode ? { qrCode } : {}), ...(code ? { code } : {}) };
    }
    case 'stopped':
    case 'failed': {
      const action = session.link === 'stopped' ? 'start' : 'restart';
      await callWaha(context, { method: 'POST', path: `${toSessionPath(config)}/${action}` });
      return { status: 'waiting' };
    }
    default:
      return { status: 'waiting' };
  }
}

async function loadQrCode(context: WahaContext): Promise<string | undefined> {
  const path = `/api/${encodeURIComponent(context.connection.config.session)}/auth/qr`;
  const result = await callWaha(context, { method: 'GET', path, query: { format: 'image' } });
  return result.kind === 'ok' ? readQrCode(result.body) : undefined;
}

/** WhatsApp lets a code stand for some minutes, and refuses a number that asks for many. */
const pairingCodeTtlMs = 120_000;

async function loadPairingCode(context: WahaContext): Promise<string | undefined> {
  const { session, pairingPhone } = context.connection.config;
  if (pairingPhone === undefined) return undefined;
  const now = context.clock.now();
  const { pairingCode } = await loadState(context);
  if (pairingCode && pairingCode.until > now) return pairingCode.code || undefined;
  const path = `/api/${encodeURIComponent(session)}/auth/request-code`;
  const phoneNumber = pairingPhone.replace(/^\+/, '');
  const result = await callWaha(context, { method: 'POST', path, body: { phoneNumber } });
  const code = result.kind === 'ok' ? readPairingCode(result.body) : undefined;
  // A refusal is kept for as long: the page asks every few seconds.
  await updateState(context, { pairingCode: { code: code ?? '', until: now + pairingCodeTtlMs } });
  return code;
}
