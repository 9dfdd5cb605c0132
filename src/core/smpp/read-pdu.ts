import {
  type Command,
  commandsById,
  type FieldKind,
  type Fields,
  fieldsByCommand,
  headerOctets,
  isResponse,
  maxPduOctets,
  type Pdu,
  type Tlv,
} from './pdu.ts';

/**
 * Reason for which octets are no command that is known here. `stream`: the place of the next one is unknown, so the connection is of no further
 * use. `command`: its id is unknown. `body`: its fields do not fit its length.
 */
export interface PduProblem {
  readonly problem: 'stream' | 'command' | 'body';
  readonly message: string;
  readonly status: number;
  readonly sequence: number;
  readonly command: Command | null;
}

/**
 * Reads one command from exactly its octets. It takes time linear in their number; no octet is left over or read twice.
 */
export function readPdu(octets: Buffer): Pdu | PduProblem {
  if (octets.length < headerOctets || octets.length > maxPduOctets || octets.readUInt32BE(0) !== octets.length) {
    return createProblem('stream', 'its length is not that of a command');
  }
  const id = octets.readUInt32BE(4);
  const status = octets.readUInt32BE(8);
  const sequence = octets.readUInt32BE(12);
  const command = commandsById.get(id);
  if (!command) return createProblem('command', `0x${id.toString(16)} is no known command`, { status, sequence });
  if (octets.length === headerOctets && (isResponse(command) || fieldsByCommand[command].length === 0)) {
    return { command, status, sequence, fields: fieldsByCommand[command].length === 0 ? {} : null, tlvs: [] };
  }
  const body = readBody(octets, command);
  return typeof body === 'string'
    ? createProblem('body', body, { status, sequence, command })
    : { command, status, sequence, ...body };
}

function createProblem(
  problem: PduProblem['problem'],
  message: string,
  { status = 0, sequence = 0, command = null }: Partial<Pick<PduProblem, 'status' | 'sequence' | 'command'>> = {},
): PduProblem {
  return { problem, message, status, sequence, command };
}

/** @returns a text about what does not fit */
function readBody(octets: Buffer, command: Command): { fields: Fields; tlvs: Tlv[] } | string {
  const kinds = fieldsByCommand[command];
  if (kinds.length === 0) return 'it has a body and should have none';
  const fields: Record<string, string | number | Buffer> = {};
  let at = headerOctets;
  for (const [name, kind] of kinds) {
    const field = readField(octets, at, kind);
    if (!field) return `its field ${name} does not end within it`;
    fields[name] = field.value;
    at = field.end;
  }
  const tlvs = readTlvs(octets, at);
  return tlvs ? { fields, tlvs } : 'an optional field does not end within it';
}

function readField(octets: Buffer, at: number, kind: FieldKind): { value: string | number | Buffer; end: number } | null {
  if (at >= octets.length) return null;
  switch (kind.kind) {
    case 'octet':
      return { value: octets.readUInt8(at), end: at + 1 };
    case 'text': {
      const length = octets.subarray(at, at + kind.max).indexOf(0);
      return length < 0 ? null : { value: octets.toString('latin1', at, at + length), end: at + length + 1 };
    }
    case 'octets': {
      const end = at + 1 + octets.readUInt8(at);
      return end > octets.length ? null : { value: octets.subarray(at + 1, end), end };
    }
  }
}

function readTlvs(octets: Buffer, from: number): Tlv[] | null {
  const tlvs: Tlv[] = [];
  let at = from;
  while (at < octets.length) {
    if (at + 4 > octets.length) return null;
    const end = at + 4 + octets.readUInt16BE(at + 2);
    if (end > octets.length) return null;
    tlvs.push({ tag: octets.readUInt16BE(at), value: octets.subarray(at + 4, end) });
    at = end;
  }
  return tlvs;
}

/** Cuts a stream into commands. */
export interface PduReader {
  /** Takes the next octets. @returns the commands that are whole now, and problems in their places; after a problem of the stream, nothing */
  push(chunk: Buffer): (Pdu | PduProblem)[];
}

/** Creates a reader that keeps at most one unfinished command in memory. */
export function createPduReader(): PduReader {
  let rest: Buffer[] = [];
  let length = 0;
  let isBroken = false;

  /** Returns the length of the next command; null before four octets of it are there. */
  function readLength(): number | null {
    if (length < 4) return null;
    if ((rest[0]?.length ?? 0) < 4) rest = [Buffer.concat(rest)];
    return (rest[0] as Buffer).readUInt32BE(0);
  }

  return {
    push(chunk) {
      const found: (Pdu | PduProblem)[] = [];
      if (isBroken) return found;
      rest.push(chunk);
      length += chunk.length;
      for (let next = readLength(); next !== null; next = readLength()) {
        if (next < headerOctets || next > maxPduOctets) {
          isBroken = true;
          rest = [];
          found.push(createProblem('stream', `${next} is not the length of a command`));
          break;
        }
        if (length < next) break;
        // Joined once a command is whole: a stream that comes octet by octet would otherwise be copied for each of them.
        const all = rest.length === 1 ? (rest[0] as Buffer) : Buffer.concat(rest);
        found.push(readPdu(all.subarray(0, next)));
        rest = all.length === next ? [] : [all.subarray(next)];
        length -= next;
      }
      return found;
    },
  };
}
