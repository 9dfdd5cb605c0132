import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * Reads lines of JSON from a socket until it closes. Its errors are left to the listeners of `close`: without a listener, a reset at the kill of
 * the other side would end the process, and the reader emits each error of the socket again.
 */
export function readJsonLines<Line>(socket: Socket, onLine: (line: Line) => void): void {
  socket.on('error', () => {});
  const reader = createInterface({ input: socket });
  reader.on('error', () => {});
  reader.on('line', (text) => onLine(JSON.parse(text) as Line));
}
