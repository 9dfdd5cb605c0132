import { replaceLookAlikes } from './encode-text.ts';
import { countSegments, type SegmentCount, type SplitOptions } from './split-text.ts';

/** How the messages of a connection become SMS. */
export interface SmsOptions extends SplitOptions {
  readonly replacesLookAlikes?: boolean | undefined;
  /** Files of a message: their addresses follow the text, or it is sent as MMS, which has no segments. */
  readonly files: 'in_text' | 'mms';
}

/** Options of a vendor that chooses the encoding itself: GSM 03.38 where it holds the whole text, else UCS-2. */
export const usualSms = { defaultCharset: 'gsm', longMessages: 'udh' } as const;

export interface SmsContent {
  readonly text: string | null;
  readonly attachments?: readonly string[];
}

/** Builds the text of a message as it is sent. */
export function toSmsText({ text, attachments = [] }: SmsContent, { replacesLookAlikes, files }: SmsOptions): string {
  const whole = [...(text ? [text] : []), ...(files === 'in_text' ? attachments : [])].join('\n');
  return replacesLookAlikes ? replaceLookAlikes(whole) : whole;
}

/** Counts the segments of a message as it is sent. @returns null for one that is no SMS */
export function countMessageSegments(content: SmsContent, options: SmsOptions): SegmentCount | null {
  if (options.files === 'mms' && (content.attachments ?? []).length > 0) return null;
  return countSegments(toSmsText(content, options), options);
}
