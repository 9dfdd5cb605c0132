import type { Finding } from '../channel.ts';
import type { SmppConfig } from './config.ts';
import type { IdForm } from './message-ids.ts';
import { parseState } from './state.ts';

const messages: Readonly<Record<IdForm, string>> = {
  same: 'Receipts name a message as the response to it did.',
  hex_to_decimal: 'Receipts name a message in decimal, where the response to it was hexadecimal.',
  decimal_to_hex: 'Receipts name a message in hexadecimal, where the response to it was decimal.',
};

/** Describes the rule by which receipts find their messages: learned from the first receipt, or set in the config. */
export function listFindings({ messageIdForm, requestReceipts }: SmppConfig, state: unknown): readonly Finding[] {
  const { rule } = parseState(state).ids;
  if (messageIdForm !== 'learn') {
    return [
      { code: `ids_${messageIdForm}`, message: messages[messageIdForm] },
      { code: 'ids_set', message: 'This was set and not learned.' },
    ];
  }
  if (!rule) {
    const message = 'How receipts name their messages is not known yet: it is learned from the first receipt.';
    return requestReceipts ? [{ code: 'ids_unknown', message }] : [];
  }
  const { form, isExact, width, isUpperCase, place } = rule;
  return [
    { code: `ids_${form}`, message: messages[form] },
    ...(form === 'same' && !isExact
      ? [{ code: 'ids_spelled', message: 'Capitals, or zeros in front, differ between the two.' }]
      : []),
    ...(width > 0
      ? [
          {
            code: 'ids_padded',
            message: `The response fills its id with zeros to ${width} characters.`,
            values: { width: String(width) },
          },
        ]
      : []),
    ...(isUpperCase ? [{ code: 'ids_upper_case', message: 'The response has capital letters.' }] : []),
    ...(place > 0 ? [{ code: 'ids_in_text', message: 'The id that stands in the text of the receipt counts.' }] : []),
  ];
}
