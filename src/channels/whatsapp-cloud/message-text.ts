import { toList, toNumber, toObject, toText } from '../../core/foreign.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Describes the content of a message as text, by its type; files and captions are read elsewhere. */
const describers: Readonly<Record<string, (content: Fields, message: Fields) => string | undefined>> = {
  text: ({ body }) => toText(body),
  button: ({ text, payload }) => toText(text) ?? toText(payload),
  interactive: describeInteractive,
  location: describeLocation,
  order: describeOrder,
  reaction: ({ emoji }) => (toText(emoji) ? `Reacted ${toText(emoji)}` : '[Removed a reaction]'),
  revoke: () => '[Deleted a message]',
  system: ({ body }) => toText(body) ?? '[The contact’s WhatsApp account has changed]',
  unsupported: ({ type }) =>
    `[A message of a kind that WhatsApp does not pass on${toText(type) ? `: ${toText(type)}` : ''}. Ask for it in another form.]`,
  request_welcome: () => '[Opened the chat]',
};

/**
 * Describes a message of any type in words for people.
 *
 * @param content the object that the type names
 * @returns undefined for a message without words, such as a picture without a caption
 */
export function toMessageText(type: string, content: unknown, message: Fields): string | undefined {
  if (type === 'contacts') return describeContacts(message.contacts);
  const describe = Object.hasOwn(describers, type) ? describers[type] : undefined;
  return describe ? describe(toObject(content), message) : `[A message of the type “${type}”, which can’t be shown here]`;
}

function describeInteractive(content: Fields): string | undefined {
  const [button, item, form, call] = [
    content.button_reply,
    content.list_reply,
    content.nfm_reply,
    content.call_permission_reply,
  ].map(toObject) as [Fields, Fields, Fields, Fields];
  const title = toText(button.title) ?? toText(item.title);
  if (title) return [title, toText(item.description)].filter(Boolean).join('\n');
  const response = toText(call.response);
  if (response) return `[Call permission: ${response}]`;
  return (
    [toText(form.body) ?? toText(form.name), toText(form.response_json)].filter(Boolean).join('\n') || '[Pressed a button]'
  );
}

function describeLocation(content: Fields): string {
  const [latitude, longitude] = [toNumber(content.latitude), toNumber(content.longitude)];
  const map = latitude === undefined || longitude === undefined ? undefined : toMapAddress(latitude, longitude);
  const lines = [toText(content.name), toText(content.address), map ?? toText(content.url)];
  return lines.filter(Boolean).join('\n') || '[A location]';
}

function toMapAddress(latitude: number, longitude: number): string {
  return `https://www.google.com/maps?q=${latitude},${longitude}`;
}

function describeContacts(value: unknown): string {
  const lines = toList(value)
    .map(toObject)
    .map(({ name, phones, emails, org }) => {
      const numbers = toList(phones)
        .map(toObject)
        .map(({ phone, wa_id }) => toText(phone) ?? toText(wa_id));
      const addresses = toList(emails)
        .map(toObject)
        .map(({ email }) => toText(email));
      const words = [toText(toObject(name).formatted_name), toText(toObject(org).company), ...numbers, ...addresses];
      return words.filter(Boolean).join(', ');
    });
  return lines.filter(Boolean).join('\n') || '[A contact card]';
}

function describeOrder(content: Fields): string {
  const items = toList(content.product_items)
    .map(toObject)
    .map(({ product_retailer_id, quantity, item_price, currency }) => {
      const [product, price] = [toText(product_retailer_id), toText(item_price)];
      const cost = price ? ` (${[price, toText(currency)].filter(Boolean).join(' ')})` : '';
      return product ? `${toText(quantity) ?? '1'} × ${product}${cost}` : undefined;
    });
  return ['[An order]', toText(content.text), ...items].filter(Boolean).join('\n');
}

/** Describes the advertisement from which a contact came, as a line of text. */
export function describeReferral(value: unknown): string | undefined {
  const { headline, source_url, source_id } = toObject(value);
  const words = [toText(headline), toText(source_url) ?? toText(source_id)].filter(Boolean);
  return words.length > 0 ? `[From an ad: ${words.join(' – ')}]` : undefined;
}
