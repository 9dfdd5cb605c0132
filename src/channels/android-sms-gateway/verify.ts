import type { ConfigProblem, Sender, VerifyResult } from '../channel.ts';
import type { AndroidContext, ApiResponse } from './api.ts';
import { findOfflineReason, findPhone, listDevices, recordOffline, toPhoneName } from './phone.ts';
import type { DeviceRecord } from './records.ts';
import { isCallable } from './register-webhooks.ts';

type Failure = Exclude<ApiResponse, { kind: 'ok' }>;

/**
 * Asks the gateway about a config: the credentials, the phone, its SIM card, and whether it is online. The signing key can't be checked, as no
 * call returns it: the first webhook shows it.
 */
export async function verifyConfig(context: AndroidContext): Promise<VerifyResult> {
  const { config, webhookUrl } = context.connection;
  const listed = await listDevices(context);
  if (listed.kind === 'foreign') return reject('baseUrl', 'not_gateway', 'There is no SMS gateway at this address.');
  if (listed.kind !== 'devices') return toFailed(listed);
  const { devices } = listed;
  const phone = findPhone(devices, config.deviceId);
  if (!phone) return toMissingPhone(devices, config.deviceId);
  const { simNumber } = config;
  if (simNumber !== undefined && phone.simCards.length > 0 && !phone.simCards.some(({ number }) => number === simNumber)) {
    return reject('simNumber', 'sim_unknown', `The phone ${toPhoneName(phone)} has no SIM card ${simNumber}.`);
  }
  const offline = await findOfflineReason(context, phone);
  await recordOffline(context, offline !== null);
  if (offline) return { kind: 'rejected', problems: [offline] };
  const warnings = [
    ...(devices.length > 1 && config.deviceId === undefined
      ? [
          'The account has several phones, and the gateway chooses one for each message: enter the device ID of the one that is to send.',
        ]
      : []),
    ...(phone.simCards.length > 1 && simNumber === undefined
      ? ['The phone has several SIM cards, and chooses one itself: enter the number of the one that is to send.']
      : []),
    ...(isCallable(webhookUrl, config.baseUrl)
      ? []
      : ['The app calls https addresses only: no receipts and no replies arrive until APP_URL starts with https://.']),
  ];
  return { kind: 'verified', account: config.username, warnings };
}

/** Lists the SIM cards of the phone. */
export async function listSenders(context: AndroidContext): Promise<Sender[]> {
  const listed = await listDevices(context);
  if (listed.kind !== 'devices') return [];
  const phone = findPhone(listed.devices, context.connection.config.deviceId);
  return (phone?.simCards ?? []).map(({ number, phoneNumber, carrier }) => {
    const details = [phoneNumber, carrier].filter(Boolean).join(', ');
    return { address: `SIM ${number}`, label: details ? `SIM ${number} (${details})` : `SIM ${number}` };
  });
}

function toMissingPhone(devices: readonly DeviceRecord[], deviceId: string | undefined): VerifyResult {
  if (deviceId === undefined || devices.length === 0) {
    return {
      kind: 'rejected',
      problems: [{ code: 'no_device', message: 'The account has no phone yet: start the app on one.' }],
    };
  }
  const known = devices.slice(0, 5).map((device) => `${toPhoneName(device)} (${device.id})`);
  return reject('deviceId', 'device_unknown', `The account has no such phone. It has ${known.join(', ')}.`);
}

function reject(field: string, code: string, message: string): VerifyResult {
  const problem: ConfigProblem = { field, code, message };
  return { kind: 'rejected', problems: [problem] };
}

function toFailed(failure: Failure): VerifyResult {
  if (failure.kind === 'failed') return { kind: 'unavailable', code: 'unreachable', message: failure.message };
  const { status, message } = failure.error;
  if (status === 401 || status === 403) {
    return reject('password', 'credentials', 'The SMS gateway does not accept the user name and the password.');
  }
  if (status === 404) return reject('baseUrl', 'not_gateway', 'There is no SMS gateway at this address.');
  return { kind: 'unavailable', code: `http_${status}`, message: message ?? `The SMS gateway responded with ${status}.` };
}
