import type { AndroidState, SimDevice } from './state.ts';

/** Error as the gateway responds with it. */
export interface Refusal {
  status: number;
  message: string;
}

/** A request to send that the gateway accepts. */
export interface Accepted {
  id: string | null;
  device: SimDevice;
  to: string;
  text: string;
  simNumber: number | null;
}

const refuse = (message: string, status = 400): Refusal => ({ status, message });

const knownFields = new Set([
  ...['id', 'deviceId', 'textMessage', 'dataMessage', 'message', 'phoneNumbers', 'isEncrypted', 'simNumber'],
  ...['withDeliveryReport', 'priority', 'ttl', 'validUntil', 'scheduleAt'],
]);

/**
 * Checks a request to send. An id is known for each phone; without one in the request, any phone of the account is chosen.
 *
 * @param chooseDevice chooses the phone where the request names none
 */
export function checkSend(
  state: AndroidState,
  body: Record<string, unknown>,
  chooseDevice: (devices: readonly SimDevice[]) => SimDevice | undefined,
): Refusal | Accepted {
  const unknown = Object.keys(body).find((field) => !knownFields.has(field));
  if (unknown) return refuse(`unknown field ${unknown}`);
  const { id, deviceId, textMessage, phoneNumbers, simNumber } = body;
  if (id !== undefined && (typeof id !== 'string' || id.length > 36))
    return refuse("Field validation for 'ID' failed on 'max'");
  if ('ttl' in body && 'validUntil' in body) return refuse('conflict fields: ttl and validUntil');
  if (simNumber !== undefined && ![1, 2, 3].includes(simNumber as number)) {
    return refuse("Field validation for 'SimNumber' failed");
  }
  const text = (textMessage as { text?: unknown } | undefined)?.text;
  if (typeof text !== 'string' || text === '') return refuse('must specify exactly one of: textMessage or dataMessage');
  const [to, ...more] = Array.isArray(phoneNumbers) ? phoneNumbers : [];
  if (typeof to !== 'string' || more.length > 0) return refuse("Field validation for 'PhoneNumbers' failed");
  const device = deviceId === undefined ? chooseDevice(state.devices) : state.devices.find((one) => one.id === deviceId);
  if (!device) return refuse('record not found');
  if (state.messages.some((message) => message.id === id && message.deviceId === device.id)) {
    return refuse('message with the same ID already exists', 409);
  }
  return { id: id ?? null, device, to, text, simNumber: (simNumber as number | undefined) ?? null };
}
