import { type Logger, type LoggerOptions, pino } from 'pino';
import { createLogOutput, type Output } from './log-output.ts';
import { toTraceId } from './tracing.ts';

export type Log = Logger;

/** Paths at which secrets can appear in a log record; each value is replaced before the line is written. */
const secretPaths = [
  'authorization',
  'cookie',
  'secret',
  'clientSecret',
  'accessToken',
  'refreshToken',
  'access_token',
  'refresh_token',
  'client_secret',
  'token',
  'encryptedData',
  'config.secret',
];

/** Headers that carry credentials or are noise. */
const secretHeaders = ['authorization', 'cookie', 'set-cookie', 'webhook-signature', 'x-ghl-signature'];

/** Creates the program's log: one JSON line per event, secrets replaced at all known paths. Writing never fails and never blocks. */
export function createLog(level: string, output: Output = process.stdout): Log {
  const options: LoggerOptions = {
    level,
    base: undefined,
    formatters: { level: (label) => ({ level: label }), log: withTraceId },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: toErrorFields },
    redact: {
      paths: [
        ...secretPaths,
        ...secretPaths.map((path) => `*.${path}`),
        ...secretHeaders.map((header) => `req.headers["${header}"]`),
      ],
      censor: '[redacted]',
    },
  };
  return pino(options, createLogOutput(output));
}

/** Adds the id of the message's trace to a line that names a message, so that both are found by one id. */
function withTraceId(fields: Record<string, unknown>): Record<string, unknown> {
  return typeof fields.messageId === 'string' ? { ...fields, traceId: toTraceId(fields.messageId) } : fields;
}

/**
 * Picks the fields of an error that are worth logging. Never the whole object: an axios error carries the request, and with it the token or
 * secret.
 */
function toErrorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: toErrorFields(error.cause) }),
  };
}
