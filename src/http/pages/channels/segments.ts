import type { Connection } from '../../../connections/connection.ts';
import { countConnectionSegments } from '../../../connections/count-segments.ts';
import { listSegmentRules } from '../../../core/sms/segment-rules.ts';
import type { SegmentCount } from '../../../core/sms/split-text.ts';
import type { Text } from '../framework/texts.ts';

const encodings = ['gsm', 'latin1', 'ascii', 'ucs2'] as const satisfies readonly SegmentCount['encoding'][];

/** Says how many segments a text has, in which encoding, and what still fits. */
export function toSegmentsText(text: Text, { segmentCount, encoding, remaining }: SegmentCount): string {
  return text('segments.count', { segments: segmentCount, encoding: text(`segments.encodings.${encoding}`), remaining });
}

/**
 * Returns what a form shows about the segments of its text: words for the text that is in it, and the rules by which a script renews them while
 * a person types.
 *
 * @returns null for a connection whose messages are no SMS
 */
export function toSegmentsView(text: Text, connection: Connection) {
  const options = connection.channel.getSmsOptions?.(connection.config);
  if (!options) return null;
  return {
    rules: JSON.stringify(listSegmentRules(options)),
    template: text('segments.count', { segments: '{segments}', encoding: '{encoding}', remaining: '{remaining}' }),
    encodings: JSON.stringify(Object.fromEntries(encodings.map((name) => [name, text(`segments.encodings.${name}`)]))),
    describe(content: string): string {
      const count = countConnectionSegments(connection, { text: content });
      return count ? toSegmentsText(text, count) : '';
    },
  };
}
