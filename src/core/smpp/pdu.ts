/** Ids of the commands that are read and written here (SMPP 5.0, 4.7.5); those of responses have the highest bit. */
export const commandIds = {
  generic_nack: 0x80000000,
  bind_receiver: 0x1,
  bind_receiver_resp: 0x80000001,
  bind_transmitter: 0x2,
  bind_transmitter_resp: 0x80000002,
  query_sm: 0x3,
  query_sm_resp: 0x80000003,
  submit_sm: 0x4,
  submit_sm_resp: 0x80000004,
  deliver_sm: 0x5,
  deliver_sm_resp: 0x80000005,
  unbind: 0x6,
  unbind_resp: 0x80000006,
  bind_transceiver: 0x9,
  bind_transceiver_resp: 0x80000009,
  outbind: 0xb,
  enquire_link: 0x15,
  enquire_link_resp: 0x80000015,
  alert_notification: 0x102,
  data_sm: 0x103,
  data_sm_resp: 0x80000103,
} as const;

export type Command = keyof typeof commandIds;

export const commandsById: ReadonlyMap<number, Command> = new Map(
  Object.entries(commandIds).map(([command, id]) => [id, command as Command]),
);

/** Optional field. Those that are not known here are kept as they are, as carriers have their own. */
export interface Tlv {
  readonly tag: number;
  readonly value: Buffer;
}

/** Tags of optional fields (SMPP 5.0, 4.8.1). */
export const tags = {
  receiptedMessageId: 0x001e,
  userMessageReference: 0x0204,
  sarReference: 0x020c,
  sarTotal: 0x020e,
  sarPart: 0x020f,
  interfaceVersion: 0x0210,
  networkErrorCode: 0x0423,
  messagePayload: 0x0424,
  deliveryFailureReason: 0x0425,
  messageState: 0x0427,
  ussdServiceOp: 0x0501,
} as const;

/** Kind of a field: an octet, a text that ends in NUL, or the text of a message with its length in front. */
export type FieldKind =
  | { readonly kind: 'octet' }
  | { readonly kind: 'text'; readonly max: number }
  | { readonly kind: 'octets' };

const octet = { kind: 'octet' } as const;
/** @param max octets, NUL included. A password and a message id may be longer than the specification says: carriers do not keep to it. */
const text = (max: number) => ({ kind: 'text', max }) as const;

const address = (name: string) =>
  [
    [`${name}Ton`, octet],
    [`${name}Npi`, octet],
    [`${name}Address`, text(65)],
  ] as const;

const bind = [
  ['systemId', text(64)],
  ['password', text(64)],
  ['systemType', text(33)],
  ['interfaceVersion', octet],
  ['addressTon', octet],
  ['addressNpi', octet],
  ['addressRange', text(65)],
] as const;

const message = [
  ['serviceType', text(33)],
  ...address('source'),
  ...address('destination'),
  ['esmClass', octet],
  ['protocolId', octet],
  ['priority', octet],
  ['scheduleTime', text(17)],
  ['validityPeriod', text(17)],
  ['registeredDelivery', octet],
  ['replaceIfPresent', octet],
  ['dataCoding', octet],
  ['defaultMessageId', octet],
  ['shortMessage', { kind: 'octets' }],
] as const;

const bindResponse = [['systemId', text(64)]] as const;
const messageResponse = [['messageId', text(256)]] as const;

/** Mandatory fields of each command, in order. */
export const fieldsByCommand: Readonly<Record<Command, readonly (readonly [string, FieldKind])[]>> = {
  generic_nack: [],
  bind_receiver: bind,
  bind_receiver_resp: bindResponse,
  bind_transmitter: bind,
  bind_transmitter_resp: bindResponse,
  bind_transceiver: bind,
  bind_transceiver_resp: bindResponse,
  query_sm: [['messageId', text(256)], ...address('source')],
  query_sm_resp: [
    ['messageId', text(256)],
    ['finalDate', text(17)],
    ['messageState', octet],
    ['errorCode', octet],
  ],
  submit_sm: message,
  submit_sm_resp: messageResponse,
  deliver_sm: message,
  deliver_sm_resp: messageResponse,
  unbind: [],
  unbind_resp: [],
  outbind: [
    ['systemId', text(64)],
    ['password', text(64)],
  ],
  enquire_link: [],
  enquire_link_resp: [],
  alert_notification: [...address('source'), ...address('esme')],
  data_sm: [
    ['serviceType', text(33)],
    ...address('source'),
    ...address('destination'),
    ['esmClass', octet],
    ['registeredDelivery', octet],
    ['dataCoding', octet],
  ],
  data_sm_resp: messageResponse,
};

/** Values of mandatory fields by their names in {@link fieldsByCommand}. Texts are octets of Latin-1. */
export type Fields = Readonly<Record<string, string | number | Buffer>>;

/** One command or response. */
export interface Pdu {
  readonly command: Command;
  readonly status: number;
  /** Ours are from 1; a carrier's may be any, and 0 in a `generic_nack` about something unreadable. */
  readonly sequence: number;
  /** Null in a response without a body: carriers leave it out on an error, some always. */
  readonly fields: Fields | null;
  readonly tlvs: readonly Tlv[];
}

export const headerOctets = 16;
/** Longer ones are taken for a stream that is out of step. A `message_payload` has at most 65,535 octets. */
export const maxPduOctets = 70_000;
export const maxSequence = 0x7fffffff;

/** Returns true for the response to a command. */
export function isResponse(command: Command): boolean {
  return commandIds[command] >= 0x80000000;
}

/** Returns the response to a command. */
export function toResponse(command: Command): Command | null {
  return commandsById.get((commandIds[command] | 0x80000000) >>> 0) ?? null;
}

/** Finds an optional field; the first one counts. */
export function findTlv(tlvs: readonly Tlv[], tag: number): Buffer | null {
  return tlvs.find((tlv) => tlv.tag === tag)?.value ?? null;
}

/** Reads a field of text. Null where a response has no body. */
export function readText({ fields }: Pdu, name: string): string | null {
  const value = fields?.[name];
  return typeof value === 'string' ? value : null;
}

/** Reads a field of one octet; 0 where a response has no body. */
export function readOctet({ fields }: Pdu, name: string): number {
  const value = fields?.[name];
  return typeof value === 'number' ? value : 0;
}

/** Reads the octets of a message: those of `message_payload` where there are any. */
export function readUserData({ fields, tlvs }: Pdu): Buffer {
  const payload = findTlv(tlvs, tags.messagePayload);
  const short = fields?.shortMessage;
  return payload ?? (Buffer.isBuffer(short) ? short : Buffer.alloc(0));
}
