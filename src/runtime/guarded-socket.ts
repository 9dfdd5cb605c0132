import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type Clock, createDeadline } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { isPrivateHost, lookupGuarded } from './outbound-http.ts';

/** A server that a user has named. */
export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  /** Opens TLS at once; the certificate must be valid for the host. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'minVersion'> | undefined;
  /** The protocol has no port of its own: all from 1024 are allowed, below which the well-known services are. */
  readonly hasAnyPort?: boolean | undefined;
}

/**
 * Opens a connection to a server that a user has named.
 *
 * @throws AppError `private_address`: the guard forbids it; the error of the socket
 */
export type OpenSocket = (target: SocketTarget, signal?: AbortSignal) => Promise<Socket>;

/** Ports of mail servers. With others a form would be a scanner of ports, and its errors the report. */
export const mailPorts: ReadonlySet<number> = new Set([25, 143, 465, 587, 993, 2525]);

const firstFreePort = 1_024;
const timeoutMs = 20_000;

/** Creates the opener of sockets: addresses are guarded as those of HTTP are, and the ports limited, unless private targets are allowed. */
export function createSocketOpener({ clock, allowPrivateTargets }: SocketOpenerDeps): OpenSocket {
  return async (target, signal) => {
    if (!allowPrivateTargets) rejectForbidden(target);
    const deadline = createDeadline(clock, timeoutMs, signal);
    try {
      return await openSocket(target, allowPrivateTargets, deadline.signal);
    } catch (error) {
      throw deadline.timedOut() ? Object.assign(new Error('no response in time'), { code: 'ETIMEDOUT' }) : error;
    } finally {
      deadline.dispose();
    }
  };
}

export interface SocketOpenerDeps {
  clock: Clock;
  allowPrivateTargets: boolean;
}

/** Rejects a private address that is written as numbers, which a look-up never sees, and the ports of other services. */
function rejectForbidden({ host, port, hasAnyPort = false }: SocketTarget): void {
  if (isPrivateHost(host)) {
    throw new AppError('private_address', `${host} is a private or reserved address. Only public addresses may be called.`);
  }
  if (hasAnyPort && port < firstFreePort) {
    throw new AppError(
      'private_address',
      `Port ${port} is one of a well-known service. Only ports from ${firstFreePort} may be called.`,
    );
  }
  if (!hasAnyPort && !mailPorts.has(port)) {
    const ports = [...mailPorts].join(', ');
    throw new AppError('private_address', `Port ${port} is not one of a mail server: ${ports}.`);
  }
}

function openSocket({ host, port, tls }: SocketTarget, isOpen: boolean, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const guard = isOpen ? {} : { lookup: lookupGuarded };
    const options = { host, port, ...guard };
    const socket = tls
      ? connectTls({ minVersion: 'TLSv1.2', ...tls, ...options, ...(isIP(host) ? {} : { servername: host }) })
      : connectTcp(options);
    const settle = () => {
      signal.removeEventListener('abort', stop);
      socket.off('error', fail);
    };
    const fail = (error: Error) => {
      settle();
      // A late error of the destroyed socket must not end the process.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const stop = () => fail(Object.assign(new Error('stopped'), { code: 'ABORT_ERR' }));
    socket.once('error', fail);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      settle();
      resolve(socket);
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
}
