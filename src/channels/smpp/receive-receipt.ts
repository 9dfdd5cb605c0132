import { type Pdu, readText } from '../../core/smpp/pdu.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import type { IdBook, UnmatchedReceipt } from './id-book.ts';
import { type LinkDeps, responseStatuses } from './link.ts';
import { readReceipt, type SmscReceipt } from './receipt.ts';
import type { StateStore } from './state.ts';

export interface ReceiptReaderDeps {
  store: StateStore;
  book: IdBook;
  emit(events: readonly ChannelEvent[]): Promise<void>;
  notice(message: string): void;
}

/** Receipts of the session. */
export interface ReceiptReader {
  /** Stores a receipt. @returns the status to acknowledge it with; null for a message of a person */
  receive(pdu: Pdu): Promise<number | null>;
  /** Notes the id that the carrier gave to a message, and applies receipts that came before it. */
  remember(id: string, to: string): void;
  receiveLate: NonNullable<LinkDeps['receiveLate']>;
  stop(): void;
}

/** What a request carries along, for a response that comes after its time. */
export interface SubmitTag {
  readonly messageId: string;
  readonly to: string;
  /** Undefined for a message that is sent as one. */
  readonly part: ReceiptContent['part'];
}

/** Creates the reader. Receipts are idempotent: one whose acknowledgement was lost comes again and changes nothing. */
export function createReceiptReader({ store, book, emit, notice }: ReceiptReaderDeps): ReceiptReader {
  let isStopped = false;

  function save(): Promise<void> {
    store.current.ids = structuredClone(book.getState()) as typeof store.current.ids;
    return store.save();
  }

  /** Saves what a later session needs in order to learn the rule. The response to the message does not wait for it. */
  function saveSoon(): void {
    if (!isStopped) void save().catch(() => {});
  }

  async function apply(receipt: SmscReceipt, to: string): Promise<void> {
    const found = book.resolve({ ids: receipt.ids, to });
    if (!found) return;
    // Also by a receipt that decides nothing, which is often the first one.
    if (found.isNews) {
      notice(`receipts of this carrier name messages as ${book.getState().rule?.form}`);
      await save();
    }
    const { state } = receipt;
    if (state === null) return;
    const error = state === 'failed' ? describeFailure(receipt) : null;
    if (!found.isKnown && !book.hasRule()) {
      book.keep({ ids: receipt.ids, to, state, error });
      await save();
    }
    await emit([toEvent(found.externalId, state, error)]);
  }

  function remember(id: string, to: string): void {
    const hadRule = book.hasRule();
    const own = book.remember({ id, to });
    if (!hadRule) saveSoon();
    if (own.length > 0) void emit(own.map((one) => toEvent(id, one.state, one.error))).catch(() => {});
  }

  return {
    async receive(pdu) {
      const receipt = readReceipt(pdu);
      if (!receipt) return null;
      // The receipt's sender is the message's recipient.
      const to = readText(pdu, 'sourceAddress') ?? '';
      if (receipt.ids.length === 0) notice(`a receipt without an id was ignored: ${receipt.word}`);
      try {
        await apply(receipt, to);
        return responseStatuses.ok;
      } catch {
        return responseStatuses.tryLater;
      }
    },
    remember,
    receiveLate({ tag }, response) {
      const { messageId, to, part } = tag as SubmitTag;
      const id = readText(response, 'messageId');
      if (response.command !== 'submit_sm_resp' || response.status !== 0 || !id) return;
      remember(id, to);
      // Proves that the message, or this part of it, whose outcome was unknown, has arrived at the carrier.
      void emit([{ kind: 'receipt', receipt: { messageId, externalId: id, part, state: 'accepted' } }]).catch(() => {});
    },
    stop() {
      isStopped = true;
    },
  };
}

function describeFailure({ word, errorCode }: SmscReceipt): { code: string; message: string } {
  const detail = errorCode === null || /^0*$/.test(errorCode) ? '' : `, error ${errorCode}`;
  return { code: word, message: `The carrier did not deliver the message: ${word}${detail}.` };
}

function toEvent(externalId: string, state: 'delivered' | 'failed', error: UnmatchedReceipt['error']): ChannelEvent {
  return { kind: 'receipt', receipt: { externalId, state, ...(error ? { error } : {}) } };
}
