import type { Pairing, VerifyResult } from '../channel.ts';
import { callServer, trimSlashes } from '../whatsapp-web/call-server.ts';
import { markLinked, toVerifyResult } from '../whatsapp-web/session-state.ts';
import { callEvolution, toAccess } from './api.ts';
import type { EvolutionConfig, EvolutionContext } from './config.ts';
import { classifyError, describeError } from './errors.ts';
import { readAccount, readConnectionState, readPairing } from './responses.ts';

/** Returns a text that stands for the server and its instance. */
export function toLinkKey({ baseUrl, instance }: Pick<EvolutionConfig, 'baseUrl' | 'instance'>): string {
  return `${trimSlashes(baseUrl)} ${instance}`;
}

/** Fields that a refusal is about. */
const fields: Readonly<Record<string, string | undefined>> = { credentials: 'apiKey', instance_unknown: 'instance' };

/** Asks the server whether it accepts the key and knows the instance, and whether a phone is linked. */
export async function verifyConfig(context: EvolutionContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const result = await callEvolution(context, { method: 'GET', path: '/instance/connectionState' });
  if (result.kind === 'no_response') return { kind: 'unavailable', code: 'unreachable', message: result.message };
  if (result.kind === 'error') {
    const kind = classifyError(result);
    const message = describeError(result);
    if (kind === 'credentials' || kind === 'instance_unknown' || kind === 'license_required') {
      const field = fields[kind];
      return { kind: 'rejected', problems: [{ ...(field === undefined ? {} : { field }), code: kind, message }] };
    }
    const isServerFault = result.status >= 500 || result.status === 429;
    const code = `http_${result.status}`;
    return isServerFault
      ? { kind: 'unavailable', code, message }
      : { kind: 'rejected', problems: [{ field: 'baseUrl', code, message }] };
  }
  const state = readConnectionState(result.body);
  if (!state) {
    const message = 'The server’s response is not one of Evolution API 2. Check its address. Evolution Go is another program.';
    return { kind: 'rejected', problems: [{ field: 'baseUrl', code: 'not_evolution', message }] };
  }
  return toVerifyResult(context, toLinkKey(config), state, await loadAccount(context));
}

/** Loads the name of the account; the instance's name where the server does not say. */
async function loadAccount(context: EvolutionContext): Promise<string> {
  const { config } = context.connection;
  const query = { instanceName: config.instance };
  const result = await callServer(context, toAccess(config), { method: 'GET', path: '/instance/fetchInstances', query });
  const { phone, profile } = readAccount(result.kind === 'ok' ? result.body : undefined, config.instance);
  return [profile, phone === undefined ? undefined : `+${phone}`].filter(Boolean).join(', ') || config.instance;
}

/** Returns the QR code of an instance that waits for its phone, and a code to type where a number is set. */
export async function getPairing(context: EvolutionContext): Promise<Pairing> {
  const { config } = context.connection;
  const state = await callEvolution(context, { method: 'GET', path: '/instance/connectionState' });
  if (state.kind === 'ok' && readConnectionState(state.body) === 'linked') {
    await markLinked(context, toLinkKey(config));
    return { status: 'paired' };
  }
  const number = config.pairingPhone?.replace(/^\+/, '');
  const result = await callEvolution(context, {
    method: 'GET',
    path: '/instance/connect',
    ...(number === undefined ? {} : { query: { number } }),
  });
  if (result.kind !== 'ok') return { status: 'waiting' };
  const { isLinked, qrCode, code } = readPairing(result.body);
  if (!isLinked) return { status: 'waiting', ...(qrCode ? { qrCode } : {}), ...(code ? { code } : {}) };
  await markLinked(context, toLinkKey(config));
  return { status: 'paired' };
}
