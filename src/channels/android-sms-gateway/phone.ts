import { type AndroidContext, type ApiContext, type ApiResponse, requestGateway } from './api.ts';
import { type DeviceRecord, readDevice, readMessageRecord } from './records.ts';

const minuteMs = 60_000;

/** Time for which a message waits at the gateway, and the phone is silent, before the phone counts as offline. A push wakes a phone that sleeps. */
const maxUnfetchedMs = 30 * minuteMs;
/** Silence of a phone for which no message waits: longer than the longest sleep of Android, which is six hours. */
const maxSilenceMs = 12 * 60 * minuteMs;

type Failure = Exclude<ApiResponse, { kind: 'ok' }>;

/** Lists the phones of the account. The app's own server has another path for them. */
export async function listDevices(
  context: ApiContext,
): Promise<Failure | { kind: 'devices'; devices: DeviceRecord[] } | { kind: 'foreign' }> {
  const first = await requestGateway(context, { path: '/devices' });
  const isMissing = first.kind === 'error' && first.error.status === 404;
  const response = isMissing ? await requestGateway(context, { path: '/device' }) : first;
  if (response.kind !== 'ok') return response;
  return response.rows ? { kind: 'devices', devices: response.rows.map(readDevice) } : { kind: 'foreign' };
}

/** Finds the phone that sends: the connection's, or of several the one that was seen last. */
export function findPhone(devices: readonly DeviceRecord[], deviceId: string | undefined): DeviceRecord | undefined {
  if (deviceId !== undefined) return devices.find(({ id }) => id === deviceId);
  return devices.toSorted((a, b) => (b.lastSeenAt?.getTime() ?? 0) - (a.lastSeenAt?.getTime() ?? 0))[0];
}

/** Returns a phone's name for people. */
export function toPhoneName({ name, id }: Pick<DeviceRecord, 'name' | 'id'>): string {
  return name ?? id ?? 'the phone';
}

/**
 * Finds out whether a phone is offline. A phone that sleeps reports itself every few hours only, and a push wakes it: so half an hour of
 * silence counts only while a message waits for it, and twelve hours without one.
 *
 * @returns the reason, or null: it is online, or the gateway does not say
 */
export async function findOfflineReason(
  context: ApiContext,
  phone: DeviceRecord,
): Promise<{ code: string; message: string } | null> {
  const now = context.clock.now();
  const seenMs = phone.lastSeenAt?.getTime();
  if (seenMs === undefined || now - seenMs <= maxUnfetchedMs) return null;
  const isWaiting = await hasUnfetchedMessage(context, phone, now);
  if (!isWaiting && now - seenMs <= maxSilenceMs) return null;
  const seen = new Date(seenMs).toISOString().replace('T', ' ').slice(0, 16);
  const consequence = isWaiting ? ', and messages wait for it' : '';
  const message = `The phone ${toPhoneName(phone)} is offline: it was last seen on ${seen} UTC${consequence}. Check that it is on, has a network, and runs the app.`;
  return { code: 'phone_offline', message };
}

/** Returns whether a message has waited for the phone for too long. Older gateways can't list messages: then it is not known. */
async function hasUnfetchedMessage(context: ApiContext, { id }: DeviceRecord, nowMs: number): Promise<boolean> {
  const query = { state: 'Pending', limit: '1', sort: 'created_at', ...(id === undefined ? {} : { deviceId: id }) };
  const response = await requestGateway(context, { path: '/messages', query });
  if (response.kind !== 'ok') return false;
  return (response.rows ?? [])
    .map(readMessageRecord)
    .some(
      ({ state, times }) =>
        state === 'pending' && times.pending !== undefined && nowMs - times.pending.getTime() > maxUnfetchedMs,
    );
}

/** State of a connection. */
interface PhoneState {
  readonly isOffline: boolean;
}

/** Records that the phone is offline, so that its first webhook ends the hold. */
export async function recordOffline({ state }: Pick<AndroidContext, 'state'>, isOffline: boolean): Promise<void> {
  const known = (await state.get<PhoneState>())?.isOffline ?? false;
  if (known !== isOffline) await state.set({ isOffline } satisfies PhoneState);
}

/** Returns true once when a phone that was offline has come back, as its webhook shows. */
export async function recordReturn({ state }: Pick<AndroidContext, 'state'>): Promise<boolean> {
  if (!(await state.get<PhoneState>())?.isOffline) return false;
  await state.set({ isOffline: false } satisfies PhoneState);
  return true;
}

const checkIntervalMs = 5 * minuteMs;

/** Returns why the phone can't send now, or null. */
export type CheckPhone = (context: AndroidContext) => Promise<{ code: string; message: string } | null>;

/** Creates the check of the phone before a send. It asks the gateway once in five minutes for each connection of this process. */
export function createPhoneCheck(): CheckPhone {
  const checkedAt = new Map<string, number>();
  return async (context) => {
    const { id, config } = context.connection;
    const now = context.clock.now();
    if (now - (checkedAt.get(id) ?? Number.NEGATIVE_INFINITY) < checkIntervalMs) return null;
    const listed = await listDevices(context);
    const phone = listed.kind === 'devices' ? findPhone(listed.devices, config.deviceId) : undefined;
    const reason = phone ? await findOfflineReason(context, phone) : null;
    // Only a phone that is online need not be asked about for a while.
    if (reason) await recordOffline(context, true);
    else checkedAt.set(id, now);
    return reason;
  };
}
