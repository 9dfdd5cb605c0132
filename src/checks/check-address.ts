import * as z from 'zod';
import { isPrivateHost, toRequestFailure } from '../runtime/outbound-http.ts';
import { type Check, toCheck } from './check.ts';
import type { Environment } from './environment.ts';

const dayMs = 24 * 60 * 60_000;
/** Certificates are renewed long before; an older one shows that the renewal fails. */
const minCertificateMs = 14 * dayMs;
const health = z.object({ status: z.literal('ok') });

/** Checks the public address as far as this machine can see it: whether the program responds at it, and its certificate. */
export async function checkAddress(environment: Environment): Promise<Check[]> {
  const { appUrl, isSandbox } = environment;
  const url = new URL(appUrl);
  const isLocal = url.hostname === 'localhost' || url.hostname.endsWith('.localhost') || isPrivateHost(url.hostname);
  return [
    await checkResponse(environment),
    ...(isLocal && !isSandbox
      ? [toCheck('address:public', 'warning', 'address_local', { address: appUrl }, 'set_app_url')]
      : []),
    ...(url.protocol === 'https:' ? await checkCertificate(environment, url) : []),
    ...(url.protocol === 'http:' && !isLocal
      ? [toCheck('address:tls', 'failed', 'tls_missing', { address: appUrl }, 'use_https')]
      : []),
  ];
}

async function checkResponse({ appUrl, http, isRunning }: Environment): Promise<Check> {
  const name = 'address';
  const address = appUrl;
  try {
    const { status, data } = await http.get(`${appUrl}/healthz`);
    if (status === 200 && isHealth(data)) return toCheck(name, 'ok', 'address_responds', { address });
    return toCheck(name, 'failed', 'address_wrong', { address, status: String(status) }, 'proxy');
  } catch (error) {
    const { message } = toRequestFailure(error);
    return (await isRunning())
      ? toCheck(name, 'failed', 'address_unreachable', { address, message }, 'proxy')
      : toCheck(name, 'warning', 'program_stopped', { address }, 'start_program');
  }
}

function isHealth(data: unknown): boolean {
  try {
    return health.safeParse(JSON.parse(String(data))).success;
  } catch {
    return false;
  }
}

/** @returns nothing where no server shows a certificate: the check of the response says why */
async function checkCertificate({ clock, readCertificate }: Environment, url: URL): Promise<Check[]> {
  const name = 'address:tls';
  try {
    const until = await readCertificate(url);
    if (until === null) return [];
    const values = { until: until.toISOString() };
    return until.getTime() - clock.now() < minCertificateMs
      ? [toCheck(name, 'warning', 'tls_ending', values, 'renew_certificate')]
      : [toCheck(name, 'ok', 'tls_good', values)];
  } catch (error) {
    return [toCheck(name, 'failed', 'tls_failed', { message: (error as Error).message }, 'renew_certificate')];
  }
}
