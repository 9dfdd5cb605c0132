import { connect } from 'node:tls';

const timeoutMs = 10_000;

/**
 * Connects to the server of an https URL as a client does.
 *
 * @returns the time until which its certificate is valid; null where no server accepts a connection
 * @throws Error where the certificate is not valid for this host, or the server does not respond
 */
export async function readCertificate({ hostname, port }: URL): Promise<Date | null> {
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, servername: /^[\d.]+$|:/.test(host) ? '' : host, port: Number(port || 443) });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('the server does not respond')));
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
    });
    socket.once('error', (error) => (isConnected ? reject(error) : resolve(null)));
    socket.once('secureConnect', () => {
      resolve(new Date(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
  });
}
