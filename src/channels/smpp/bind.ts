import { createHash } from 'node:crypto';
import type { Command } from '../../core/smpp/pdu.ts';
import type { SmppConfig, SmppContext } from './config.ts';
import { createLink, type Link, type LinkDeps, type Reply } from './link.ts';
import { describeStatus, formatStatus } from './statuses.ts';

export type BindRole = 'transceiver' | 'transmitter' | 'receiver';

/** Refusal of a bind. `account`: no repeat helps; `later`: the carrier names a reason that passes; `unclear`: it says no more. */
export interface BindRefusal {
  readonly kind: 'account' | 'later' | 'unclear';
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const commands = {
  transceiver: 'bind_transceiver',
  transmitter: 'bind_transmitter',
  receiver: 'bind_receiver',
} as const satisfies Record<BindRole, Command>;
const versions = { '3.4': 0x34, '5.0': 0x50 } as const;
const bindFailed = 0x0d;

/** Returns what distinguishes one account at one carrier from another, without showing the password. */
export function toAccountKey({ host, port, systemId, password, systemType, bindMode }: SmppConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([host, port, systemId, password, systemType, bindMode]))
    .digest('base64url');
}

/**
 * Connects to the carrier and binds.
 *
 * @throws AppError `private_address`; the error of the socket; an Error when the connection breaks before the response
 */
export async function openBind(
  context: SmppContext,
  role: BindRole,
  handlers: Pick<LinkDeps, 'receive' | 'receiveLate' | 'notice'>,
): Promise<{ link: Link } | { refusal: BindRefusal }> {
  const { connection, clock, signal } = context;
  const { config } = connection;
  const { host, port, caCertificate } = config;
  const tls = config.tls ? (caCertificate ? { ca: caCertificate } : {}) : undefined;
  const socket = await context.openSocket({ host, port, tls, hasAnyPort: true }, signal);
  const link = createLink({
    ...handlers,
    ...{ clock, socket },
    enquireLinkMs: config.enquireLinkSeconds * 1_000,
    responseTimeoutMs: config.responseTimeoutSeconds * 1_000,
  });
  const stop = () => link.destroy('The bind was stopped.');
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    const reply = await link.request({ command: commands[role], fields: toFields(config) });
    const refusal = toRefusal(reply);
    if (!refusal) return { link };
    link.destroy('The carrier refused the bind.');
    return { refusal };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function toFields({ systemId, password, systemType, interfaceVersion, addressRange }: SmppConfig) {
  return { systemId, password, systemType, interfaceVersion: versions[interfaceVersion], addressRange };
}

function toRefusal(reply: Reply): BindRefusal | null {
  if (reply.kind !== 'response') throw new Error(`The carrier did not accept the bind: ${reply.message}`);
  const { status } = reply.pdu;
  if (status === 0 && reply.pdu.command !== 'generic_nack') return null;
  const { class: statusClass, code, message } = describeStatus(status);
  const isLater = statusClass === 'busy' || statusClass === 'throttled';
  const isNamed = statusClass === 'account' && status !== bindFailed;
  return { kind: isLater ? 'later' : isNamed ? 'account' : 'unclear', status, code, message: message || formatStatus(status) };
}
