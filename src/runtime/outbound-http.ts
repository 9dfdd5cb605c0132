import { lookup as systemLookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import axios, { type AxiosError, type AxiosInstance, type AxiosResponse, isAxiosError } from 'axios';
import ipaddr from 'ipaddr.js';
import { AppError, isAppError } from '../core/errors.ts';
import { parseWithAllDigits, toList, toObject } from '../core/foreign.ts';

export type { AxiosInstance as HttpClient };

export interface HttpClientOptions {
  baseURL?: string;
  timeoutMs: number;
  /** Larger answers are an error: nobody's answer is worth our memory. */
  maxResponseBytes?: number;
  /** Whether addresses come from users: then private and loopback ones are refused unless this is true. */
  allowPrivateTargets: boolean;
}

/**
 * An HTTP client for one far side: a time-out and a size limit always set, no redirects (a redirect could lead past the guard, and
 * none of our far sides needs one), no proxy from the environment, every status an answer rather than an error.
 */
export function httpClient(options: HttpClientOptions): AxiosInstance {
  const lookup = options.allowPrivateTargets ? undefined : guardedLookup;
  const agent = { keepAlive: true, maxSockets: 256, ...(lookup ? { lookup } : {}) };
  const client = axios.create({
    ...(options.baseURL ? { baseURL: options.baseURL } : {}),
    timeout: options.timeoutMs,
    maxRedirects: 0,
    maxContentLength: options.maxResponseBytes ?? 1024 * 1024,
    proxy: false,
    validateStatus: () => true,
    // Answers stay text: each reader parses what it expects, so that an HTML error page is data, not a crash.
    responseType: 'text',
    transformResponse: (body: unknown) => body,
    headers: { 'user-agent': 'Patchbay' },
    httpAgent: new http.Agent(agent),
    httpsAgent: new https.Agent(agent),
  });
  client.interceptors.response.use(undefined, asTruncated);
  if (!options.allowPrivateTargets) {
    client.interceptors.request.use((request) => {
      refusePrivateLiteral(new URL(request.url ?? '', request.baseURL));
      return request;
    });
  }
  return client;
}

/** A response whose body is too long: its status line decides, its body says nothing. @throws every other error as it is */
function asTruncated(error: unknown): Partial<AxiosResponse<unknown>> {
  const response: http.IncomingMessage | undefined = isAxiosError(error) ? error.request?.res : undefined;
  const isTooLong = isAxiosError(error) && /^maxContentLength/.test(error.message);
  if (!isTooLong || response?.statusCode === undefined) throw error;
  return { status: response.statusCode, headers: response.headers as AxiosResponse['headers'], data: '' };
}

/** An address that `lookup` never sees because it is written as numbers. */
function refusePrivateLiteral(url: URL): void {
  if (isPrivateHost(url.hostname)) throw forbidden(url.hostname);
}

/** Resolves a name and refuses it when any of its addresses is ours or our network's. The socket then uses these very addresses. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '');
    const found = addresses.find(({ address }) => isPrivate(address));
    if (found) return callback(forbidden(hostname), '');
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first?.address ?? '', first?.family);
  });
};

/** Whether an address is anything but an ordinary public one: loopback, private, link-local, multicast, mapped, reserved. */
export function isPrivate(address: string): boolean {
  const parsed = ipaddr.process(address);
  return parsed.range() !== 'unicast' || alsoPrivate.some(([kind, range]) => parsed.kind() === kind && parsed.match(range));
}

/** Ranges that pass for public ones: Azure's own host, IPv4-compatible addresses, local NAT64, segment routing and documentation. */
const alsoPrivate = ['168.63.129.16/32', '::/96', '64:ff9b:1::/48', '5f00::/16', '3fff::/20'].map((range) => {
  const parsed = ipaddr.parseCIDR(range);
  return [parsed[0].kind(), parsed] as const;
});

/** Whether a URL's host is such an address written as numbers; names are judged when they are resolved. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && isPrivate(host);
}

function forbidden(host: string): AppError {
  return new AppError(
    'target_forbidden',
    `${host} is a private or reserved address. Only public addresses may be called; ALLOW_PRIVATE_TARGETS opens this for development.`,
  );
}

/** What became of a request that got no answer. */
export type RequestFailure =
  /** The connection was never made, so nothing was sent; or the guard forbids it. */
  | { sent: 'no'; message: string; isForbidden?: true }
  /** The request may have arrived: a time-out or a cut after the connection was made. */
  | { sent: 'maybe'; message: string };

/**
 * Reads what a client threw. Only a request of which not one byte left counts as not sent; everything else may have arrived.
 *
 * @throws whatever is neither a network failure nor a refusal of the guard: that is a defect
 */
export function requestFailure(error: unknown): RequestFailure {
  const refused = isAppError(error) ? error : isAxiosError(error) && isAppError(error.cause) ? error.cause : undefined;
  if (refused?.code === 'target_forbidden') return { sent: 'no', message: refused.message, isForbidden: true };
  if (!isAxiosError(error)) throw error;
  return { sent: mayHaveLeft(error) ? 'maybe' : 'no', message: describe(error.code ?? error.message) };
}

/** Failures of making a connection: the request was waiting behind it. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EPROTO',
]);

/** Whether any of the request may have left us: not before its socket was connected and, with TLS, the far side had proved itself. */
function mayHaveLeft(error: AxiosError): boolean {
  if (neverConnected.has(error.code ?? '')) return false;
  const { request } = error;
  if (!(request instanceof http.ClientRequest) || request.socket === null || request.socket.connecting) return false;
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return true;
  // `secureConnecting` is true until the handshake is done; Node's types leave it out.
  const handshaking = (socket as TLSSocket & { secureConnecting?: boolean }).secureConnecting === true;
  return !handshaking && !socket.authorizationError;
}

function describe(code: string): string {
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
export function jsonOf(response: AxiosResponse<unknown>): Record<string, unknown> {
  if (typeof response.data !== 'string' || response.data === '') return {};
  try {
    const [body, ...more] = toList(parseWithAllDigits(response.data));
    return more.length === 0 ? toObject(body) : {};
  } catch {
    // An HTML page from a proxy is an ordinary answer to a status code, not an error of ours.
    return {};
  }
}
