import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { sanitize } from '../../core/sanitize.ts';
import { findTlv, type Pdu, readOctet, readText, readUserData, tags } from '../../core/smpp/pdu.ts';
import { decodeText } from '../../core/sms/decode-text.ts';
import type { DefaultCharset } from '../../core/sms/encode-text.ts';
import { type Concatenation, readUserDataHeader } from '../../core/sms/user-data-header.ts';
import type { ChannelEvent } from '../channel.ts';
import { fromTyped } from './addresses.ts';
import { responseStatuses } from './link.ts';
import { addPart, passOnIncomplete, type WholeMessage } from './reassemble.ts';
import type { StateStore } from './state.ts';

export interface InboxDeps {
  clock: Clock;
  store: StateStore;
  charset: DefaultCharset;
  emit(events: readonly ChannelEvent[]): Promise<void>;
  notice(message: string): void;
}

/** Messages of contacts that the carrier hands over. */
export interface Inbox {
  /** Stores a message, or a part of one. @returns the status to acknowledge it with */
  receive(pdu: Pdu): Promise<number>;
  /** Passes on messages whose other parts did not come in time. */
  sweep(): Promise<void>;
}

const headerFlag = 0x40;
/** A carrier repeats a message whose acknowledgement it did not get for minutes at most. */
const repeatMs = 5 * 60_000;

/**
 * Creates the inbox of a session. A message is acknowledged when it is stored, a part when it is in the state: the owner after this one continues
 * with it. An SMSC gives messages no id and repeats one only when our acknowledgement may have been lost, or asked for it, so a message counts as a
 * repeat only if it equals one that an earlier session was about to acknowledge, or one that this session could not store: a contact may write the
 * same word twice.
 */
export function createInbox({ clock, store, charset, emit, notice }: InboxDeps): Inbox {
  const { current } = store;
  const now = clock.now();
  let idCount = 0;
  /** A carrier gives messages none. The time and the number within this session distinguish two of a connection. */
  const newId = () => `${clock.now().toString(36)}-${now.toString(36)}-${(idCount++).toString(36)}`;
  /** Messages that may come again: those of sessions before this one, and those that this one has asked for. */
  const repeatable = current.unconfirmed.filter(({ at }) => now - at < repeatMs);
  current.unconfirmed = [...repeatable];

  async function receiveWhole(message: Omit<WholeMessage, 'externalId'>, digest: string): Promise<void> {
    const repeated = repeatable.findIndex((one) => one.digest === digest && clock.now() - one.at < repeatMs);
    const [known] = repeated < 0 ? [] : repeatable.splice(repeated, 1);
    const entry = { digest, externalId: known?.externalId ?? newId(), at: clock.now() };
    const others = () => current.unconfirmed.filter(({ externalId }) => externalId !== entry.externalId);
    current.unconfirmed = [...others(), entry];
    try {
      await store.save();
      await emit([toEvent({ ...message, externalId: entry.externalId })]);
    } catch (error) {
      // It may be stored all the same, where only the database's response was lost: the repeat that we ask for needs the same id.
      repeatable.push(entry);
      throw error;
    }
    // Written with the next change: until then the acknowledgement may not have left.
    current.unconfirmed = others();
  }

  async function receivePart(part: Parameters<typeof addPart>[1]): Promise<void> {
    const before = structuredClone({ sets: current.sets, passed: current.passed });
    const messages = addPart(current, part, { now: clock.now(), charset, newId });
    try {
      if (messages.length > 0) await emit(messages.map(toEvent));
      await store.save();
    } catch (error) {
      // The carrier brings this part again: it must be as if it had not come.
      Object.assign(current, before);
      throw error;
    }
  }

  async function receive(pdu: Pdu): Promise<number> {
    const read = readMessage(pdu, charset);
    if ('ignored' in read) {
      notice(read.ignored);
      return responseStatuses.ok;
    }
    try {
      if ('part' in read) await inTurn(() => receivePart(read.part));
      else await receiveWhole(read.message, digestPdu(pdu));
      return responseStatuses.ok;
    } catch {
      return responseStatuses.tryLater;
    }
  }

  let turn: Promise<unknown> = Promise.resolve();
  /** Parts change the state one after the other, so that one that could not be stored can be taken back. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work);
    turn = done.catch(() => {});
    return done;
  }

  return {
    receive,
    sweep: () =>
      inTurn(async () => {
        const before = structuredClone({ sets: current.sets, passed: current.passed });
        const messages = passOnIncomplete(current, clock.now(), charset);
        if (messages.length === 0) return;
        try {
          await emit(messages.map(toEvent));
          await store.save();
        } catch {
          Object.assign(current, before);
        }
      }),
  };
}

type ReadMessage =
  | { ignored: string }
  | { message: { from: string; to: string; text: string } }
  | { part: Parameters<typeof addPart>[1] };

/** Reads a message of a contact; what is no text for a person is left out, with the reason. */
function readMessage(pdu: Pdu, charset: DefaultCharset): ReadMessage {
  if (findTlv(pdu.tlvs, tags.ussdServiceOp)) return { ignored: 'a USSD dialogue was ignored' };
  const from = fromTyped({ ton: readOctet(pdu, 'sourceTon'), npi: 0, address: readText(pdu, 'sourceAddress') ?? '' });
  const to = fromTyped({ ton: readOctet(pdu, 'destinationTon'), npi: 0, address: readText(pdu, 'destinationAddress') ?? '' });
  if (from === '') return { ignored: 'a message without a sender was ignored' };
  const dataCoding = readOctet(pdu, 'dataCoding');
  const all = readUserData(pdu);
  const hasHeader = (readOctet(pdu, 'esmClass') & headerFlag) !== 0;
  const read = hasHeader ? readUserDataHeader(all) : null;
  if (read?.header.port !== undefined) return { ignored: 'a message for a program on a phone was ignored' };
  const octets = read?.text ?? all;
  const tables = read?.header.tables ?? {};
  const place = read?.header.concatenation ?? readSar(pdu);
  const text = decodeText(octets, dataCoding, { defaultCharset: charset, tables });
  if (text === null) return { ignored: `a message of binary data (data coding ${dataCoding}) was ignored` };
  if (place && place.total > 1) return { part: { from, to, place, octets, dataCoding, tables } };
  return { message: { from, to, text } };
}

function readSar({ tlvs }: Pdu): Concatenation | undefined {
  const [reference, total, part] = [tags.sarReference, tags.sarTotal, tags.sarPart].map((tag) => findTlv(tlvs, tag));
  if (reference?.length !== 2 || total?.length !== 1 || part?.length !== 1) return undefined;
  const place = { reference: reference.readUInt16BE(0), total: total.readUInt8(0), part: part.readUInt8(0) };
  return place.part >= 1 && place.part <= place.total ? place : undefined;
}

function toEvent({ externalId, from, to, text }: WholeMessage): ChannelEvent {
  // HighLevel refuses a message without any.
  const shown = sanitize(text) || '[Message without text]';
  return {
    kind: 'inbound',
    inbound: { externalId, from, to: to || undefined, text: shown, attachments: [], sentExternally: false },
  };
}

function digestPdu(pdu: Pdu): string {
  const parts = ['sourceAddress', 'destinationAddress'].map((name) => readText(pdu, name));
  const hash = createHash('sha256').update(
    JSON.stringify([...parts, readOctet(pdu, 'esmClass'), readOctet(pdu, 'dataCoding')]),
  );
  return hash.update(readUserData(pdu)).digest('base64url').slice(0, 22);
}
