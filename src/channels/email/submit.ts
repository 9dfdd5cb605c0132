import { Readable } from 'node:stream';
import type { SMTPConnectionSendInfo, SMTPEnvelope } from 'nodemailer/lib/smtp-connection';
import { type Clock, createDeadline, sleep } from '../../core/clock.ts';
import { describeConnectionFailure, type ServerError, toServerError } from './server-errors.ts';
import { runStep, type SmtpSession } from './smtp-session.ts';

/** Result of offering one mail to an SMTP server. */
export type Submission =
  | {
      readonly kind: 'accepted';
      readonly response: string;
      readonly serverMessageId?: string | undefined;
      readonly rejected: readonly ServerError[];
    }
  /** The server has refused it, so it delivers it to no recipient. */
  | { readonly kind: 'refused'; readonly error: ServerError; readonly rejected: readonly ServerError[] }
  /** `maybe`: the end of the mail was written, and no reply came. */
  | { readonly kind: 'failed'; readonly sent: 'no' | 'maybe'; readonly message: string };

export interface Submit {
  readonly envelope: SMTPEnvelope;
  /** The whole mail. */
  readonly bytes: Buffer;
}

const transferTimeoutMs = 5 * 60 * 1000;
/**
 * RFC 5321 4.5.3.2.6: a server may take ten minutes for the reply after the end of the mail; a shorter wait would make an unknown outcome of a
 * delivery. A job has no time limit, as it belongs to its worker for as long as that lives, and slow groups have few slots
 * (docs/decisions/0007-slots-and-clocks.md).
 */
const replyTimeoutMs = 10 * 60 * 1000;
/** Wait for the reply when the program stops: to leave now would make an unknown outcome of a known one. */
const graceMs = 3_000;
const chunkBytes = 16 * 1024;

/**
 * Offers a mail to a server. The stream of its bytes decides what a broken connection means: a server must not deliver a mail whose end it has
 * not read (RFC 5321 4.1.1.4), so before the end of the stream it was not sent, and after it, without a reply, it may have been.
 */
export async function submitMail(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  { connection, destroy }: SmtpSession,
  { envelope, bytes }: Submit,
): Promise<Submission> {
  const stream = Readable.from(splitBytes(bytes), { objectMode: false });
  const deadline = createSubmitDeadline(clock, signal, stream);
  try {
    const info = await runStep<SMTPConnectionSendInfo>(connection, deadline.signal, (done) =>
      connection.send(envelope, stream, done),
    );
    const { response = '', serverMessageId, rejectedErrors = [] } = info ?? {};
    return { kind: 'accepted', response, serverMessageId: serverMessageId?.replace(/^<|>$/g, ''), rejected: rejectedErrors };
  } catch (thrown) {
    destroy();
    const error = toServerError(thrown);
    const rejected = error.rejectedErrors ?? [];
    if (isReply(error) || isOwnRefusal(error)) return { kind: 'refused', error, rejected };
    const message = deadline.hasTimedOut() ? 'no response in time' : describeConnectionFailure(thrown);
    return { kind: 'failed', sent: stream.readableEnded ? 'maybe' : 'no', message };
  } finally {
    deadline.dispose();
  }
}

/** Returns whether the error is the server's refusal. A connection that ends has one of 421 at most, which refuses too. */
function isReply({ responseCode }: ServerError): boolean {
  return responseCode !== undefined && responseCode >= 400;
}

/** Returns whether the library has refused the mail before it offered it: it is larger than the server's limit, or an address can't be sent. */
function isOwnRefusal({ code, command }: ServerError): boolean {
  return code === 'EENVELOPE' || (code === 'EMESSAGE' && command === 'MAIL FROM');
}

function* splitBytes(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

/** Creates the limit of time: one for the transfer, and from its end one for the reply. A stop of the program waits for the reply a moment. */
function createSubmitDeadline(clock: Clock, signal: AbortSignal, stream: Readable) {
  const controller = new AbortController();
  const transfer = createDeadline(clock, transferTimeoutMs);
  let reply: ReturnType<typeof createDeadline> | null = null;
  let hasTimedOut = false;
  const expire = () => {
    hasTimedOut = true;
    controller.abort();
  };
  const stop = () => {
    if (!stream.readableEnded) return controller.abort();
    void sleep(clock, graceMs).then(() => controller.abort());
  };
  transfer.signal.addEventListener('abort', expire);
  stream.once('end', () => {
    transfer.dispose();
    reply = createDeadline(clock, replyTimeoutMs);
    reply.signal.addEventListener('abort', expire);
  });
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  return {
    signal: controller.signal,
    hasTimedOut: () => hasTimedOut,
    dispose() {
      transfer.dispose();
      reply?.dispose();
      signal.removeEventListener('abort', stop);
    },
  };
}
