import * as z from 'zod';

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time of day such as 09:00' });

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** When a connection may send, in its location's time zone. A window that ends before it starts goes over midnight. */
const sendingWindow = z.strictObject({
  from: timeOfDay,
  to: timeOfDay,
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .default([...weekdays]),
});

export type SendingWindow = z.output<typeof sendingWindow>;

/** What any connection may set, whatever its channel: the pipeline keeps it, not the channel. */
export const deliverySettings = {
  sender: z
    .string()
    .trim()
    .min(1)
    .max(320)
    .optional()
    .describe('The number or address that messages are sent from, where the message itself names none.'),
  ratePerSecond: z.number().positive().max(1000).optional().describe('At most this many messages a second.'),
  concurrency: z.int().min(1).max(100).optional().describe('At most this many messages in hand at once.'),
  dailyCap: z.int().min(1).max(1_000_000).optional().describe('At most this many messages a day of the location’s time zone.'),
  sendingWindow: sendingWindow.optional().describe('Messages leave only then, by the location’s time zone.'),
  whenOver: z
    .enum(['wait', 'fail'])
    .optional()
    .describe('What becomes of messages over the daily cap or outside of the window; default: wait.'),
  whenUnknown: z
    .enum(['resend', 'ask'])
    .optional()
    .describe(
      'When nobody knows whether a message was sent and the far side does not drop repeats: send it again, or ask a person (default).',
    ),
  giveUpAfterMinutes: z
    .int()
    .min(1)
    .max(10_080)
    .optional()
    .describe(
      'A message that could not be sent for so long is given up; until then it holds back later ones to the same contact.',
    ),
};

const deliverySettingsSchema = z.object(deliverySettings);

export type DeliverySettings = z.output<typeof deliverySettingsSchema> & {
  whenOver: 'wait' | 'fail';
  whenUnknown: 'resend' | 'ask';
};

/** These settings in a connection's config, which was parsed when it was stored. */
export function parseDeliverySettings(config: object): DeliverySettings {
  const settings = deliverySettingsSchema.parse(config);
  return { ...settings, whenOver: settings.whenOver ?? 'wait', whenUnknown: settings.whenUnknown ?? 'ask' };
}
