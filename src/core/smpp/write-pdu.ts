import {
  commandIds,
  type FieldKind,
  type Fields,
  fieldsByCommand,
  headerOctets,
  maxPduOctets,
  type Pdu,
  type Tlv,
} from './pdu.ts';

const maxShortMessageOctets = 255;

/**
 * Writes a command. A text that is too long for its field is an error and never cut: a cut number would be another person's.
 *
 * @throws RangeError
 */
export function writePdu({ command, status, sequence, fields, tlvs }: Pdu): Buffer {
  const body = fields === null ? [] : [...writeFields(command, fields), ...tlvs.map(writeTlv)];
  const length = headerOctets + body.reduce((sum, part) => sum + part.length, 0);
  if (length > maxPduOctets) throw new RangeError(`The command ${command} would have ${length} octets.`);
  const header = Buffer.alloc(headerOctets);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(commandIds[command], 4);
  header.writeUInt32BE(status, 8);
  header.writeUInt32BE(sequence, 12);
  return Buffer.concat([header, ...body]);
}

function writeFields(command: Pdu['command'], fields: Fields): Buffer[] {
  return fieldsByCommand[command].map(([name, kind]) => writeField(name, kind, fields[name]));
}

function writeField(name: string, kind: FieldKind, value: Fields[string] | undefined): Buffer {
  switch (kind.kind) {
    case 'octet':
      return Buffer.of(Number(value ?? 0));
    case 'text': {
      const octets = Buffer.from(`${value ?? ''}\0`, 'latin1');
      if (octets.indexOf(0) !== octets.length - 1) throw new RangeError(`The field ${name} has a NUL inside.`);
      if (octets.length > kind.max) throw new RangeError(`The field ${name} is longer than ${kind.max - 1} characters.`);
      return octets;
    }
    case 'octets': {
      const octets = Buffer.isBuffer(value) ? value : Buffer.alloc(0);
      if (octets.length > maxShortMessageOctets) throw new RangeError(`The field ${name} has ${octets.length} octets.`);
      return Buffer.concat([Buffer.of(octets.length), octets]);
    }
  }
}

function writeTlv({ tag, value }: Tlv): Buffer {
  if (value.length > 0xffff) throw new RangeError(`The optional field 0x${tag.toString(16)} has ${value.length} octets.`);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(tag, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
}
