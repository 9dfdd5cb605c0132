import { commandIds, fieldsByCommand, isResponse, type Pdu, type Tlv } from '../../src/core/smpp/pdu.ts';
import { createPduReader, readPdu } from '../../src/core/smpp/read-pdu.ts';
import { writePdu } from '../../src/core/smpp/write-pdu.ts';
import { createRandom, type Random } from '../faults/random.ts';

const commands = Object.keys(commandIds) as Pdu['command'][];

function drawText(random: Random, maxChars: number): string {
  const length = Math.floor(random.between(0, Math.min(maxChars, 20)));
  return String.fromCharCode(...Array.from({ length }, () => Math.floor(random.between(1, 256))));
}

function drawOctets(random: Random, maxOctets: number): Buffer {
  return Buffer.from(
    Array.from({ length: Math.floor(random.between(0, maxOctets)) }, () => Math.floor(random.between(0, 256))),
  );
}

function drawTlvs(random: Random): Tlv[] {
  const count = Math.floor(random.between(0, 4));
  return Array.from({ length: count }, () => ({
    tag: Math.floor(random.between(0, 0x10000)),
    value: drawOctets(random, 40),
  }));
}

/** Draws a command with any values that its fields may have. */
export function drawPdu(random: Random): Pdu {
  const command = random.pick(commands);
  const kinds = fieldsByCommand[command];
  const fields = Object.fromEntries(
    kinds.map(([name, kind]) => {
      if (kind.kind === 'octet') return [name, Math.floor(random.between(0, 256))];
      return [name, kind.kind === 'text' ? drawText(random, kind.max - 1) : drawOctets(random, 256)];
    }),
  );
  const isBare = isResponse(command) && kinds.length > 0 && random.isHit(0.2);
  return {
    command,
    status: Math.floor(random.between(0, 0x100000000)),
    sequence: Math.floor(random.between(1, 0x80000000)),
    fields: isBare ? null : fields,
    tlvs: isBare || kinds.length === 0 ? [] : drawTlvs(random),
  };
}

/** Changes a few octets, or cuts or lengthens the command; half of the time its length is made right again. */
export function mutate(random: Random, octets: Buffer): Buffer {
  let mutated = Buffer.from(octets);
  switch (Math.floor(random.between(0, 4))) {
    case 0:
      mutated = mutated.subarray(0, Math.floor(random.between(0, mutated.length)));
      break;
    case 1:
      mutated = Buffer.concat([mutated, drawOctets(random, 12)]);
      break;
    default:
      for (let count = random.between(1, 5); count > 0 && mutated.length > 0; count--) {
        mutated[Math.floor(random.between(0, mutated.length))] = Math.floor(random.between(0, 256));
      }
  }
  if (mutated.length >= 4 && random.isHit(0.5)) mutated.writeUInt32BE(mutated.length, 0);
  return mutated;
}

/** Says what is wrong with the reading of some octets: they are a problem, or a command whose octets are these and no others. */
export function checkReading(octets: Buffer): string | null {
  const read = readPdu(octets);
  if ('problem' in read) return null;
  return writePdu(read).equals(octets) ? null : 'was read as a command that is written otherwise';
}

/** Says what is wrong with a stream: it ends after its octets, with at most one result for each 16 of them. */
export function checkStream(random: Random, octets: Buffer): string | null {
  const reader = createPduReader();
  let count = 0;
  for (let at = 0; at < octets.length; ) {
    const end = Math.min(octets.length, at + Math.ceil(random.between(0, 60)));
    count += reader.push(octets.subarray(at, end)).length;
    at = end;
  }
  return count <= octets.length / 16 + 1 ? null : `${count} commands in ${octets.length} octets`;
}

/** Reads so many mutated commands, alone and as a stream. @returns what is wrong, with the octets */
export function fuzzPdus(seed: number, count: number): string[] {
  const random = createRandom(seed);
  const problems: string[] = [];
  for (let drawn = 0; drawn < count && problems.length < 20; drawn++) {
    const octets = mutate(random, writePdu(drawPdu(random)));
    const problem = checkReading(octets) ?? checkStream(random, octets);
    if (problem) problems.push(`${octets.toString('hex')} ${problem}`);
  }
  return problems;
}
