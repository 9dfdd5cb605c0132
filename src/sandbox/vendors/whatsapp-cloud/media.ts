import type { Request, Response } from 'express';
import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';
import { createVendorError, type VendorError } from './errors.ts';
import { hashMedia, type VendorMedia, type WhatsAppVendorState } from './state.ts';

const megabyte = 1024 * 1024;
const addressTtlMs = 5 * 60 * 1000;

/** Types that Meta takes, with the largest file. */
const limits: readonly [RegExp, number][] = [
  [/^image\/(jpeg|png)$/, 5 * megabyte],
  [/^video\/(mp4|3gpp)$/, 16 * megabyte],
  [/^audio\/(aac|amr|mpeg|mp4|ogg)$/, 16 * megabyte],
  [
    /^(text\/plain|application\/(pdf|msword|vnd\.ms-(excel|powerpoint)|vnd\.openxmlformats-officedocument\.[a-z.]+))$/,
    100 * megabyte,
  ],
  [/^image\/webp$/, 500 * 1024],
];

/** Creates the files of the simulated Meta: uploads, and downloads by an address that holds for five minutes. */
export function createMediaServer(deps: {
  clock: Clock;
  random: RandomSource;
  state: WhatsAppVendorState;
  getUrl: () => string;
}) {
  const { clock, random, state } = deps;
  const addresses = new Map<string, { id: string; expiresAt: number }>();

  function store(media: VendorMedia): string {
    const id = String(random(6).readUIntBE(0, 6));
    state.media[id] = media;
    return id;
  }

  return {
    store,
    /** Takes an upload. @returns its id, or Meta's refusal */
    async upload(request: Request): Promise<string | VendorError> {
      const form = await readForm(request);
      const file = form?.get('file');
      if (form?.get('messaging_product') !== 'whatsapp') return createVendorError(100, 'messaging_product is required.');
      if (!(file instanceof Blob)) return createVendorError(100, 'The parameter file is required.');
      const contentType = (file.type || String(form.get('type') ?? '')).split(';')[0] ?? '';
      const limit = limits.find(([type]) => type.test(contentType));
      if (!limit)
        return createVendorError(100, `Param file must be a file of a supported type. Received file of type '${contentType}'.`);
      if (file.size > limit[1]) return createVendorError(131053, 'The file is too large.');
      const base64 = Buffer.from(await file.arrayBuffer()).toString('base64');
      return store({ contentType, base64, name: (file as File).name });
    },
    /** Describes a file, with a fresh address. */
    describe(id: string) {
      const media = state.media[id];
      if (!media) return null;
      const token = random(12).toString('hex');
      addresses.set(token, { id, expiresAt: clock.now() + addressTtlMs });
      return {
        messaging_product: 'whatsapp',
        url: `${deps.getUrl()}/whatsapp_business/attachments/${token}`,
        mime_type: media.contentType,
        sha256: Buffer.from(hashMedia(media), 'base64').toString('hex'),
        file_size: Buffer.byteLength(media.base64, 'base64'),
        id,
      };
    },
    /** Makes every address end, as after five minutes. */
    expireAddresses(): void {
      addresses.clear();
    },
    download(token: string, response: Response): void {
      const address = addresses.get(token);
      const media = address && clock.now() < address.expiresAt ? state.media[address.id] : undefined;
      if (media) response.type(media.contentType).end(Buffer.from(media.base64, 'base64'));
      else response.status(404).end();
    },
  };
}

/** Parses a form with files. @returns null for a body of another kind */
function readForm(request: Request): Promise<FormData | null> {
  const headers = { 'content-type': String(request.headers['content-type'] ?? '') };
  return new globalThis.Response(request.body as Uint8Array<ArrayBuffer>, { headers }).formData().catch(() => null);
}
