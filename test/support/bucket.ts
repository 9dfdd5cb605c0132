import { createHash, createHmac } from 'node:crypto';
import express, { type Request } from 'express';
import { listen } from './http.ts';

const region = 'eu-test-1';
const accessKeyId = 'AKIDEXAMPLE';
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

const hashSha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmacSha256 = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** AWS Signature 4, written out: what checks us must not be what we use. */
function computeSignature(request: Request): string {
  const authorization = request.get('authorization') ?? '';
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? '';
  const headers = signed.split(';').map((name) => `${name}:${request.get(name) ?? ''}\n`);
  const canonicalRequest = [
    request.method,
    request.path,
    '',
    headers.join(''),
    signed,
    request.get('x-amz-content-sha256'),
  ].join('\n');
  const signedAt = request.get('x-amz-date') ?? '';
  const scope = `${signedAt.slice(0, 8)}/${region}/s3/aws4_request`;
  const key = ['s3', 'aws4_request'].reduce(
    hmacSha256,
    hmacSha256(hmacSha256(`AWS4${secretAccessKey}`, signedAt.slice(0, 8)), region),
  );
  const signature = hmacSha256(key, ['AWS4-HMAC-SHA256', signedAt, scope, hashSha256(canonicalRequest)].join('\n')).toString(
    'hex',
  );
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

/** A bucket that takes nothing unsigned, wrongly signed, or other than what was signed. */
export async function startBucket() {
  const objects = new Map<string, { data: Buffer; type: string | undefined }>();
  const app = express();
  const state = { isDown: false };
  app.use(express.raw({ type: () => true, limit: '50mb' }), (request, response) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    if (state.isDown) return void response.status(503).end('SlowDown');
    const isSigned = ['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) =>
      (request.get('authorization') ?? '').includes(name),
    );
    if (!isSigned || request.get('authorization') !== computeSignature(request)) {
      return void response.status(403).end('SignatureDoesNotMatch');
    }
    if (request.get('x-amz-content-sha256') !== hashSha256(body))
      return void response.status(400).end('XAmzContentSHA256Mismatch');
    if (!request.path.startsWith('/files/')) return void response.status(404).end('NoSuchBucket');
    const object = objects.get(request.path);
    switch (request.method) {
      case 'PUT':
        if (request.get('content-length') === undefined) return void response.status(411).end('MissingContentLength');
        objects.set(request.path, { data: body, type: request.get('content-type') });
        return void response.end();
      case 'DELETE':
        objects.delete(request.path);
        return void response.status(204).end();
    }
    if (!object) return void response.status(404).end('NoSuchKey');
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.get('range') ?? '') ?? [];
    if (start === undefined) return void response.end(object.data);
    response.status(206).end(object.data.subarray(Number(start), Number(end) + 1));
  });
  const { url, close } = await listen(app);
  return { objects, state, close, settings: { endpoint: url, bucket: 'files', region, accessKeyId, secretAccessKey } };
}
