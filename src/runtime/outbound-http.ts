import { lookup as systemLookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import axios, { AxiosError, type AxiosInstance, type AxiosResponse, isAxiosError } from 'axios';
import ipaddr from 'ipaddr.js';
import { AppError, isAppError } from '../core/errors.ts';
import { parseWithAllDigits, toList, toObject } from '../core/foreign.ts';

export type { AxiosInstance as HttpClient };

/** A response, of whose body there may be more than was read. */
export type HttpResponse = AxiosResponse<unknown> & { isPartial?: boolean };

export interface HttpClientOptions {
  baseURL?: string;
  timeoutMs: number;
  /** Of a longer body only the beginning is kept: no response is worth our memory. */
  maxResponseBytes?: number;
  /** Whether addresses come from users: then private and loopback ones are refused unless this is true. */
  allowPrivateTargets: boolean;
}

/**
 * An HTTP client for one far side: a time-out and a size limit always set, no redirects (a redirect could lead past the guard, and
 * none of our far sides needs one), no proxy from the environment, every status an answer rather than an error.
 */
export function createHttpClient(options: HttpClientOptions): AxiosInstance {
  const lookup = options.allowPrivateTargets ? undefined : guardedLookup;
  const agent = { keepAlive: true, maxSockets: 256, ...(lookup ? { lookup } : {}) };
  const client = axios.create({
    ...(options.baseURL ? { baseURL: options.baseURL } : {}),
    timeout: options.timeoutMs,
    maxRedirects: 0,
    maxContentLength: options.maxResponseBytes ?? 1024 * 1024,
    adapter: sendAndRead,
    proxy: false,
    validateStatus: () => true,
    // Answers stay text: each reader parses what it expects, so that an HTML error page is data, not a crash.
    responseType: 'text',
    transformResponse: (body: unknown) => body,
    headers: { 'user-agent': 'Patchbay' },
    httpAgent: new http.Agent(agent),
    httpsAgent: new https.Agent(agent),
  });
  if (!options.allowPrivateTargets) {
    client.interceptors.request.use((request) => {
      rejectPrivateLiteral(new URL(request.url ?? '', request.baseURL));
      return request;
    });
  }
  return client;
}

type RequestConfig = Parameters<ReturnType<typeof axios.getAdapter>>[0];

const sendRequest = axios.getAdapter('http');

/**
 * Sends a request and reads the body of its response as text. The status line decides what became of the request, so a body that is too
 * long, or that breaks off after an error status, is no failure: its beginning is kept. A success that breaks off stays a failure, as what
 * it would have said, such as an id, is needed, and another try can still get it.
 */
async function sendAndRead(config: RequestConfig): Promise<HttpResponse> {
  if (config.responseType === 'stream') return sendRequest(config);
  const response: HttpResponse = await sendRequest({ ...config, responseType: 'stream', maxContentLength: -1 });
  const { text, isComplete, failure } = await readUpTo(response.data as Readable, config.maxContentLength ?? -1);
  if (failure !== undefined && isSuccess(response.status)) {
    throw isAxiosError(failure) ? failure : AxiosError.from(failure, undefined, config, response.request, response);
  }
  return Object.assign(response, { data: text, isPartial: !isComplete });
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Reads a body as far as it comes and as it may be long. */
async function readUpTo(body: Readable, maxBytes: number): Promise<{ text: string; isComplete: boolean; failure?: Error }> {
  const chunks: Buffer[] = [];
  let left = maxBytes < 0 ? Number.POSITIVE_INFINITY : maxBytes;
  const read = (isComplete: boolean) => ({
    text: Buffer.concat(chunks)
      .toString('utf8')
      .replace(/^\ufeff/, ''),
    isComplete,
  });
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, left));
      left -= chunk.length;
      // Leaving the loop closes the connection.
      if (left < 0) return read(false);
    }
    return read(true);
  } catch (error) {
    return { ...read(false), failure: error as Error };
  }
}

/** An address that `lookup` never sees because it is written as numbers. */
function rejectPrivateLiteral(url: URL): void {
  if (isPrivateHost(url.hostname)) throw privateAddressError(url.hostname);
}

/** Resolves a name and refuses it when any of its addresses is ours or our network's. The socket then uses these very addresses. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '');
    const privateAddress = addresses.find(({ address }) => isPrivateAddress(address));
    if (privateAddress) return callback(privateAddressError(hostname), '');
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first?.address ?? '', first?.family);
  });
};

/** Whether an address is anything but an ordinary public one: loopback, private, link-local, multicast, mapped, reserved. */
export function isPrivateAddress(address: string): boolean {
  const parsed = ipaddr.process(address);
  return (
    parsed.range() !== 'unicast' || extraPrivateRanges.some(([kind, range]) => parsed.kind() === kind && parsed.match(range))
  );
}

/** Ranges that pass for public ones: Azure's own host, IPv4-compatible addresses, local NAT64, segment routing and documentation. */
const extraPrivateRanges = ['168.63.129.16/32', '::/96', '64:ff9b:1::/48', '5f00::/16', '3fff::/20'].map((range) => {
  const parsed = ipaddr.parseCIDR(range);
  return [parsed[0].kind(), parsed] as const;
});

/** Whether a URL's host is such an address written as numbers; names are judged when they are resolved. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && isPrivateAddress(host);
}

function privateAddressError(host: string): AppError {
  return new AppError(
    'private_address',
    `${host} is a private or reserved address. Only public addresses may be called; ALLOW_PRIVATE_TARGETS opens this for development.`,
  );
}

/** What became of a request that got no answer. */
export type RequestFailure =
  /** The connection was never made, so nothing was sent; or the guard forbids it. */
  | { sent: 'no'; message: string; isPrivateAddress?: true }
  /** The request may have arrived: a time-out or a cut after the connection was made. */
  | { sent: 'maybe'; message: string };

/**
 * Reads what a client threw. Only a request of which not one byte left counts as not sent; everything else may have arrived.
 *
 * @throws whatever is neither a network failure nor a refusal of the guard: that is a defect
 */
export function toRequestFailure(error: unknown): RequestFailure {
  const rejection = isAppError(error) ? error : isAxiosError(error) && isAppError(error.cause) ? error.cause : undefined;
  if (rejection?.code === 'private_address') return { sent: 'no', message: rejection.message, isPrivateAddress: true };
  if (!isAxiosError(error)) throw error;
  return { sent: mayHaveBeenSent(error) ? 'maybe' : 'no', message: describeFailure(error.code ?? error.message) };
}

/** Failures of making a connection: the request was waiting behind it. */
const connectErrors = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EPROTO',
]);

/** Whether any of the request may have left us: not before its socket was connected and, with TLS, the far side had proved itself. */
function mayHaveBeenSent(error: AxiosError): boolean {
  if (error.response) return true;
  if (connectErrors.has(error.code ?? '')) return false;
  const { request } = error;
  if (!(request instanceof http.ClientRequest) || request.socket === null || request.socket.connecting) return false;
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return true;
  // `secureConnecting` is true until the handshake is done; Node's types leave it out.
  const handshaking = (socket as TLSSocket & { secureConnecting?: boolean }).secureConnecting === true;
  return !handshaking && !socket.authorizationError;
}

function describeFailure(code: string): string {
  switch (code) {
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
      return 'no answer in time';
    case 'ERR_CANCELED':
      return 'stopped while waiting for the answer';
    case 'ECONNREFUSED':
      return 'the connection was refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name was not found';
    default:
      return `the connection failed (${code})`;
  }
}

/** The JSON object in an answer, also as the one row of a list, or an empty one: a body that is missing or not JSON says nothing. */
export function toJsonObject(response: AxiosResponse<unknown>): Record<string, unknown> {
  if (typeof response.data !== 'string' || response.data === '') return {};
  try {
    const [body, ...more] = toList(parseWithAllDigits(response.data));
    return more.length === 0 ? toObject(body) : {};
  } catch {
    // An HTML page from a proxy is an ordinary answer to a status code, not an error of ours.
    return {};
  }
}
