import { createVendorError, type VendorError } from './errors.ts';
import { getPerson, type VendorTemplate, type WhatsAppVendorState } from './state.ts';

type Fields = Record<string, unknown>;

const fields = new Set([
  'messaging_product',
  'recipient_type',
  'to',
  'recipient',
  'type',
  'context',
  'biz_opaque_callback_data',
  'text',
  'image',
  'video',
  'audio',
  'document',
  'sticker',
  'template',
]);
const captioned = new Set(['image', 'video', 'document']);
const mediaTypes = new Set(['image', 'video', 'audio', 'document', 'sticker']);

/** Checks a request to send as strictly as Meta does. @returns null for a message that Meta accepts */
export function checkMessage(state: WhatsAppVendorState, body: Fields): VendorError | null {
  const unknown = Object.keys(body).find((name) => !fields.has(name));
  if (unknown) return createVendorError(100, `Unexpected key "${unknown}" on param "root".`);
  if (body.messaging_product !== 'whatsapp') return createVendorError(100, 'The parameter messaging_product is required.');
  if (body.recipient_type !== 'individual') return createVendorError(100, 'recipient_type must be individual.');
  const recipient = checkRecipient(state, body);
  if (recipient) return recipient;
  const { type, context, biz_opaque_callback_data: data } = body;
  if (typeof type !== 'string') return createVendorError(100, 'The parameter type is required.');
  const content = body[type];
  if (!isObject(content)) return createVendorError(131008, `The parameter ${type} is required.`);
  const extra = [...mediaTypes, 'text', 'template'].find((name) => name !== type && name in body);
  if (extra) return createVendorError(100, `Unexpected key "${extra}" for a message of the type ${type}.`);
  if (data !== undefined && (typeof data !== 'string' || data.length > 512)) {
    return createVendorError(100, 'biz_opaque_callback_data must be a string of 512 characters at most.');
  }
  if (context !== undefined && !(isObject(context) && typeof context.message_id === 'string' && context.message_id !== '')) {
    return createVendorError(131009, 'context.message_id must be the id of a message.');
  }
  if (type === 'text') return checkText(content);
  if (type === 'template') return checkTemplate(state, body, content);
  return mediaTypes.has(type) ? checkMedia(state, type, content) : createVendorError(131051, `Unsupported type ${type}.`);
}

function checkRecipient(state: WhatsAppVendorState, { to, recipient }: Fields): VendorError | null {
  if (to === undefined && typeof recipient === 'string') {
    return /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/.test(recipient)
      ? null
      : createVendorError(131009, 'recipient is not the id of a user.');
  }
  // Meta takes numbers without a plus too, and puts the business's country code before them: a mistake in a request of ours.
  if (typeof to !== 'string' || !/^\+[1-9]\d{6,14}$/.test(to))
    return createVendorError(131009, 'to must be a number with its plus.');
  return to === `+${state.business.displayNumber}` ? createVendorError(131021) : null;
}

function checkText({ body, preview_url, ...others }: Fields): VendorError | null {
  if (Object.keys(others).length > 0) return createVendorError(100, 'Unexpected key on param "text".');
  if (typeof body !== 'string' || body.trim() === '') return createVendorError(131008, 'text.body is required.');
  if (body.length > 4_096) return createVendorError(100, 'Param text.body must be at most 4096 characters long.');
  return preview_url === undefined || typeof preview_url === 'boolean'
    ? null
    : createVendorError(131009, 'preview_url must be a boolean.');
}

function checkMedia(state: WhatsAppVendorState, type: string, content: Fields): VendorError | null {
  const { id, link, caption, filename, voice, ...others } = content;
  if (Object.keys(others).length > 0) return createVendorError(100, `Unexpected key on param "${type}".`);
  if ((id === undefined) === (link === undefined)) return createVendorError(100, `${type} needs either an id or a link.`);
  if (id !== undefined && !(typeof id === 'string' && state.media[id])) {
    return createVendorError(131009, `The media id of ${type} is not valid.`);
  }
  if (link !== undefined && !(typeof link === 'string' && /^https?:\/\//.test(link))) {
    return createVendorError(131009, `The link of ${type} is not an address.`);
  }
  if (caption !== undefined && !captioned.has(type)) return createVendorError(100, `${type} can't have a caption.`);
  if (caption !== undefined && (typeof caption !== 'string' || caption.length > 1_024)) {
    return createVendorError(131009, 'A caption has 1024 characters at most.');
  }
  if (filename !== undefined && type !== 'document') return createVendorError(100, `${type} can't have a filename.`);
  return voice !== undefined && type !== 'audio' ? createVendorError(100, 'Only audio can be a voice message.') : null;
}

function checkTemplate(state: WhatsAppVendorState, body: Fields, content: Fields): VendorError | null {
  const { name, language, components = [] } = content;
  const code = isObject(language) ? language.code : undefined;
  const template = state.templates.find((one) => one.name === name && one.language === code && one.status === 'APPROVED');
  if (!template) return createVendorError(132001, `template name (${name}) does not exist in ${code}`, 404);
  const person = getPerson(state, String(body.to ?? body.recipient));
  if (template.category === 'MARKETING' && person.hasStoppedMarketing) return createVendorError(131050);
  if (!Array.isArray(components)) return createVendorError(100, 'components must be a list.');
  const bodies = components.filter((one) => isObject(one) && one.type === 'body');
  if (bodies.length !== components.length || bodies.length > 1) return createVendorError(132012, 'Unexpected component.');
  return checkParameters(template, bodies[0]?.parameters ?? []);
}

function checkParameters(template: VendorTemplate, parameters: unknown): VendorError | null {
  const names = listTemplateParameters(template);
  const given = Array.isArray(parameters) ? parameters.filter(isObject) : [];
  if (given.length !== names.length) {
    return createVendorError(132000, `body: number of params (${given.length}) does not match the expected (${names.length})`);
  }
  for (const { type, text, parameter_name: name } of given) {
    if (type !== 'text' || typeof text !== 'string')
      return createVendorError(132012, 'The format of a parameter does not match.');
    if (text === '') return createVendorError(131008, 'A parameter is empty.');
    const isNamed = template.parameterFormat === 'NAMED';
    if (isNamed ? !names.includes(String(name)) : name !== undefined)
      return createVendorError(132000, `Parameter name ${name}`);
    if (/[\r\n\t]| {5}/.test(text)) {
      return createVendorError(132018, 'Param text cannot have new-line/tab characters or more than 4 consecutive spaces');
    }
  }
  return fillTemplateText(template, given).length > 1_024 ? createVendorError(132005, 'The body is too long.') : null;
}

/** Lists the parameters of a template's body, each once. */
function listTemplateParameters({ body }: VendorTemplate): string[] {
  return [...new Set([...body.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name))];
}

/** Fills a template's body with the parameters of a request. */
export function fillTemplateText(template: VendorTemplate, parameters: readonly Fields[]): string {
  const byName = new Map(parameters.map((one, index) => [String(one.parameter_name ?? index + 1), String(one.text)]));
  return template.body.replace(/\{\{(\w+)\}\}/g, (found, name) => byName.get(name) ?? found);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
