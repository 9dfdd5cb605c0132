import type { Request } from 'express';
import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { refuseInvalid } from './messages.ts';
import type { SimMessage, SimStatus } from './state.ts';
import type { SimWorld } from './world.ts';

const statuses = [
  'pending',
  'scheduled',
  'sent',
  'delivered',
  'read',
  'undelivered',
  'connected',
  'failed',
  'opened',
  'clicked',
];

const emailStatusBody = z.strictObject({
  status: z.enum(statuses),
  events: z.record(z.string(), z.int()).optional(),
  recipients: z
    .array(z.strictObject({ emailId: z.string().min(1), status: z.enum(statuses), failReason: z.string().optional() }))
    .optional(),
});

/** Types that HighLevel accepts as uploads (platform.md 6.2). */
const uploadTypes =
  /\.(jpe?g|png|gif|svg|heic|ai|mp4|mpeg|3gp|mp3|wav|wave|aiff|aif|aifc|gsm|ulaw|ogg|aac|m4a|amr|pdf|docx?|txt|csv|xlsx?|pptx?|odt|zip|rar|vcf|vcard|ics)$/i;
const maxUploadBytes = 5 * 1024 * 1024;

/** Creates the endpoints for an email's status and for uploads (platform.md 4.2 and 6.2). */
export function createEmailEndpoints(world: SimWorld): Endpoint[] {
  const shared = { scope: 'conversations/message.write', kind: 'Location' as const };
  return [
    {
      ...shared,
      operation: 'updateEmailStatus',
      method: 'put',
      path: '/conversations/messages/email/:id/status',
      version: 'v3',
      handle: (request, token) => setEmailStatus(world, String(request.params.id), token.resourceId, request.body),
    },
    {
      ...shared,
      operation: 'uploadFile',
      method: 'post',
      path: '/conversations/messages/upload',
      version: '2021-04-15',
      contentType: 'multipart/form-data',
      handle: (request, token) => upload(world, token.resourceId, request),
    },
  ];
}

/** Sets an email's status; recipients are added to the known ones. */
function setEmailStatus(world: SimWorld, emailMessageId: string, locationId: string, body: unknown): SimResponse {
  const parsed = emailStatusBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const message = Object.values(world.state.messages).find((one) => one.emailMessageId === emailMessageId);
  const age = message ? world.clock.now() - message.createdAt : 0;
  if (message?.locationId !== locationId || age < world.behaviour.statusDelayMs) {
    return refuse(403, 'No conversation provider found for this message', 'too_early');
  }
  const recipients = parsed.data.recipients ?? [];
  const unknownRecipient = recipients.find(({ emailId }) => !listAddresses(world, message).includes(emailId));
  if (unknownRecipient) return refuse(400, `${unknownRecipient.emailId} is no recipient of this email`, 'schema');
  message.recipients ??= {};
  for (const { emailId, ...rest } of recipients) message.recipients[emailId] = rest;
  message.status = parsed.data.status as SimStatus;
  message.statuses.push(message.status);
  return { status: 200, body: { success: true, message: 'Updated email message successfully' } };
}

function listAddresses(world: SimWorld, message: SimMessage): (string | null | undefined)[] {
  return message.emailTo ?? [world.state.contacts[message.contactId]?.email];
}

async function upload(world: SimWorld, locationId: string, request: Request): Promise<SimResponse> {
  const type = String(request.get('content-type'));
  const form = await new Response(new Uint8Array(request.body), { headers: { 'content-type': type } }).formData();
  const fields = Object.fromEntries([...form].filter(([, value]) => typeof value === 'string'));
  // The log has the text of the body, not the bytes.
  request.body = fields;
  const contact = world.state.contacts[String(fields.contactId ?? '')];
  if (contact?.locationId !== locationId || fields.locationId !== locationId) return refuse(400, 'Contact not found', 'state');
  const files = form.getAll('fileAttachment').filter((value) => typeof value !== 'string');
  if (files.length === 0 || files.length > 5)
    return refuse(400, 'One to five files with the key fileAttachment are needed', 'schema');
  if (files.some(({ size }) => size > maxUploadBytes)) return refuse(413, 'Payload Too Large', 'schema');
  if (files.some(({ name }) => !uploadTypes.test(name))) return refuse(415, 'Unsupported Media Type', 'schema');
  for (const { name, type: kind, size } of files) {
    world.uploads.push({ name, type: kind, bytes: size, contactId: contact.id });
  }
  const baseUrl = `https://storage.example.com/${locationId}/${world.uploads.length}`;
  return { status: 200, body: { uploadedFiles: Object.fromEntries(files.map(({ name }) => [name, `${baseUrl}/${name}`])) } };
}
