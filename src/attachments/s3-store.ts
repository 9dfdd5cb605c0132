import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { type HttpClient, toRequestFailure } from '../runtime/outbound-http.ts';
import type { AttachmentStore } from './store.ts';

/** A bucket of any service that speaks S3, addressed by path. */
export interface Bucket {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface S3Request {
  method: 'GET' | 'PUT' | 'DELETE';
  headers?: Record<string, string>;
  body?: Readable;
}

/** SHA-256 of an empty body. */
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const timeoutMs = 60_000;

/** Creates a store of files in a bucket. Requests are signed (AWS Signature 4) with the hash of their body. */
export function createS3Store(deps: { http: HttpClient; clock: Clock }, bucket: Bucket): AttachmentStore {
  async function request(id: string, { method, headers = {}, body }: S3Request): Promise<{ status: number; data: Readable }> {
    const signed = await new AwsV4Signer({
      method,
      url: `${bucket.endpoint}/${bucket.bucket}/media/${id}`,
      headers: { 'x-amz-content-sha256': emptySha256, ...headers },
      accessKeyId: bucket.accessKeyId,
      secretAccessKey: bucket.secretAccessKey,
      region: bucket.region,
      service: 's3',
      datetime: dateNow(deps.clock)
        .toISOString()
        .replace(/[:-]|\.\d{3}/g, ''),
    }).sign();
    try {
      return await deps.http.request({
        method,
        url: signed.url.href,
        headers: Object.fromEntries(signed.headers),
        responseType: 'stream',
        maxContentLength: -1,
        maxBodyLength: Number.POSITIVE_INFINITY,
        timeout: timeoutMs,
        ...(body ? { data: body } : {}),
      });
    } catch (error) {
      throw toUnavailableError(toRequestFailure(error).message);
    }
  }

  /** Makes a request of which only the status counts. */
  async function requestStatus(id: string, options: S3Request): Promise<void> {
    const { status, data } = await request(id, options);
    data.destroy();
    if (status >= 300 && !(options.method === 'DELETE' && status === 404))
      throw toUnavailableError(`it responded with ${status}`);
  }

  return {
    async put(id, { path, bytes, sha256, contentType }) {
      const headers = { 'content-length': String(bytes), 'content-type': contentType, 'x-amz-content-sha256': sha256 };
      await requestStatus(id, { method: 'PUT', headers, body: createReadStream(path) }).finally(() =>
        rm(path, { force: true }),
      );
    },
    async read(id, range) {
      const options = range ? { headers: { range: `bytes=${range.start}-${range.end}` } } : {};
      const { status, data } = await request(id, { method: 'GET', ...options });
      if (status === 200 || status === 206) return data;
      data.destroy();
      if (status === 404) return null;
      throw toUnavailableError(`it responded with ${status}`);
    },
    remove: (id) => requestStatus(id, { method: 'DELETE' }),
  };
}

function toUnavailableError(reason: string): AppError {
  return new AppError(
    'attachment_store_unavailable',
    `Files can’t be stored or read at present: the bucket for them fails, ${reason}.`,
  );
}
