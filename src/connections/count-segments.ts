import { countMessageSegments, type SmsContent } from '../core/sms/sms-message.ts';
import type { SegmentCount } from '../core/sms/split-text.ts';
import type { Connection } from './connection.ts';

/** Counts the segments of a message as a connection sends it. @returns null for one that is no SMS */
export function countConnectionSegments(
  { channel, config }: Pick<Connection, 'channel' | 'config'>,
  content: SmsContent,
): SegmentCount | null {
  const options = channel.getSmsOptions?.(config) ?? null;
  return options && countMessageSegments(content, options);
}
