import { lookup as systemLookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import axios, { Axios, AxiosError, type AxiosResponse, isAxiosError } from 'axios';
import ipaddr from 'ipaddr.js';
import { AppError, isAppError } from '../core/errors.ts';
import { parseWithAllDigits, toList, toObject } from '../core/foreign.ts';
import { isShortRequest, notConnected, sendShortRequest } from './short-request.ts';

export type { Axios as HttpClient };

/** A response whose body may be read in part only. */
export type HttpResponse = AxiosResponse<unknown> & { isPartial?: boolean };

export interface HttpClientOptions {
  baseURL?: string;
  timeoutMs: number;
  /** A longer body is cut: no response is worth our memory. */
  maxResponseBytes?: number;
  /** True where private and loopback addresses may be called; false for addresses that come from users. */
  allowPrivateTargets: boolean;
}

/**
 * Creates an HTTP client for one other system: a time-out and a size limit always set, no redirects (a redirect could lead past the guard,
 * and no vendor needs one), no proxy from the environment, every status a response rather than an error.
 *
 * It has none of axios's defaults but the conversion of bodies: axios copies all of them for each request, which takes longer than the rest that
 * it does.
 */
export function createHttpClient(options: HttpClientOptions): Axios {
  const lookup = options.allowPrivateTargets ? undefined : lookupGuarded;
  const agent = { keepAlive: true, maxSockets: 256, ...(lookup ? { lookup } : {}) };
  const client = new Axios({
    ...(options.baseURL ? { baseURL: options.baseURL } : {}),
    timeout: options.timeoutMs,
    maxRedirects: 0,
    maxContentLength: options.maxResponseBytes ?? 1024 * 1024,
    adapter: sendAndRead,
    proxy: false,
    validateStatus: () => true,
    // Bodies stay text: each reader parses what it expects, so that an HTML error page is data, not a crash.
    responseType: 'text',
    transformRequest: axios.defaults.transformRequest,
    transformResponse: (body: unknown) => body,
    headers: { accept: 'application/json, text/plain, */*', 'user-agent': 'Patchbay' },
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
 * Sends a request and reads the body of its response as text. The status line decides the result of the request, so a body that is too
 * long, or that breaks off after an error status, is no failure: its beginning is kept. A success that breaks off stays a failure: its
 * content, such as an id, is needed, and another try can still get it.
 */
async function sendAndRead(config: RequestConfig): Promise<HttpResponse> {
  if (config.responseType === 'stream') return sendRequest(config);
  try {
    const response: HttpResponse = await (isShortRequest(config)
      ? sendShortRequest(config)
      : sendRequest({ ...config, responseType: 'stream', maxContentLength: -1 }));
    const { text, isComplete, failure } = await readUpTo(response.data as Readable, config.maxContentLength ?? -1);
    if (failure !== undefined && isSuccess(response.status)) {
      throw isAxiosError(failure) ? failure : AxiosError.from(failure, undefined, config, response.request, response);
    }
    return Object.assign(response, { data: text, isPartial: !isComplete });
  } catch (error) {
    // axios would replace it by an error that knows of no request, as if nothing had been sent.
    throw config.signal?.aborted ? Object.assign(error as AxiosError, { __CANCEL__: true }) : error;
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Reads a body up to its end, a break or the limit. */
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

/** Rejects a private address that is written as numbers, which `lookup` never sees. */
function rejectPrivateLiteral(url: URL): void {
  if (isPrivateHost(url.hostname)) throw createPrivateAddressError(url.hostname);
}

/** Resolves a name and rejects it when any of its addresses is private. The socket then uses these very addresses. */
export const lookupGuarded: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '');
    const privateAddress = addresses.find(({ address }) => isPrivateAddress(address));
    if (privateAddress) return callback(createPrivateAddressError(hostname), '');
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first?.address ?? '', first?.family);
  });
};

/** Returns whether an address is not an ordinary public one: loopback, private, link-local, multicast, mapped, reserved. */
export function isPrivateAddress(address: string): boolean {
  const parsed = ipaddr.process(address);
  return (
    parsed.range() !== 'unicast' || extraPrivateRanges.some(([kind, range]) => parsed.kind() === kind && parsed.match(range))
  );
}

/**
 * Private ranges that the library counts as public: Azure's own host, IPv4-compatible addresses, local NAT64, segment routing and
 * documentation.
 */
const extraPrivateRanges = ['168.63.129.16/32', '::/96', '64:ff9b:1::/48', '5f00::/16', '3fff::/20'].map((range) => {
  const parsed = ipaddr.parseCIDR(range);
  return [parsed[0].kind(), parsed] as const;
});

/** Returns whether a URL's host is a private address written as numbers; names are judged when they are resolved. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && isPrivateAddress(host);
}

function createPrivateAddressError(host: string): AppError {
  return new AppError(
    'private_address',
    `${host} is a private or reserved address. Only public addresses may be called; ALLOW_PRIVATE_TARGETS opens this for development.`,
  );
}

/** Result of a request without a response. */
export type RequestFailure =
  /** The connection was never made, so no byte was sent; or the guard forbids it. */
  | { sent: 'no'; message: string; isPrivateAddress?: true }
  /** The request may have arrived: a time-out or a cut after the connection was made. */
  | { sent: 'maybe'; message: string };

/**
 * Classifies an error of a client. Only a request of which not one byte left counts as not sent; any other may have arrived.
 *
 * @throws the error itself where it is neither a network failure nor a rejection by the guard: that is a defect
 */
export function toRequestFailure(error: unknown): RequestFailure {
  const rejection = isAppError(error) ? error : isAxiosError(error) && isAppError(error.cause) ? error.cause : undefined;
  if (rejection?.code === 'private_address') return { sent: 'no', message: rejection.message, isPrivateAddress: true };
  if (!isAxiosError(error)) throw error;
  return { sent: mayHaveBeenSent(error) ? 'maybe' : 'no', message: describeFailure(error.code ?? error.message) };
}

/** Failures to connect: the request was still waiting for the connection. */
const connectErrors = new Set([
  notConnected,
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EPROTO',
]);

/**
 * Returns whether any byte of the request may have left us: not before its socket was connected and, with TLS, the server had proved its
 * identity.
 */
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
      return 'no response in time';
    case 'ERR_CANCELED':
      return 'stopped while waiting for the response';
    case notConnected:
      return 'the connection was not made in time';
    case 'ECONNREFUSED':
      return 'the connection was refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name was not found';
    default:
      return `the connection failed (${code})`;
  }
}

/** Reads the JSON object in a response, also as the one row of a list; an empty one where the body is missing or not JSON. */
export function toJsonObject(response: AxiosResponse<unknown>): Record<string, unknown> {
  if (typeof response.data !== 'string' || response.data === '') return {};
  try {
    const [body, ...more] = toList(parseWithAllDigits(response.data));
    return more.length === 0 ? toObject(body) : {};
  } catch {
    // An HTML page from a proxy belongs to its status, and is no error of ours.
    return {};
  }
}
