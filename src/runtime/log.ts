import { type Logger, type LoggerOptions, pino } from 'pino';
import { createLogOutput, type Output } from './log-output.ts';

export type Log = Logger;

/** Where secrets can appear in what we log; each is replaced before the line is written. */
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

/** Creates the program's log: one JSON line an event, secrets replaced wherever they are known to stand. Writing it never fails and never waits. */
export function createLog(level: string, output: Output = process.stdout): Log {
  const options: LoggerOptions = {
    level,
    base: undefined,
    formatters: { level: (label) => ({ level: label }) },
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

/**
 * What is worth logging of an error. Never the whole object: an axios error carries the request, and with it the token or secret.
 */
export function toErrorFields(error: unknown): Record<string, unknown> {
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
