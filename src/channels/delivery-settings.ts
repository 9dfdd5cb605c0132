import * as z from 'zod';

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time of day such as 09:00' });

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** Hours of sending, in the location's time zone. A window that ends before it starts spans midnight. */
const sendingWindow = z.strictObject({
  from: timeOfDay,
  to: timeOfDay,
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .default([...weekdays]),
});

export type SendingWindow = z.output<typeof sendingWindow>;

/** Settings of every connection, independent of its channel: the pipeline applies them, not the channel. */
export const deliverySettings = {
  sender: z
    .string()
    .trim()
    .min(1)
    .max(320)
    .optional()
    .describe('The number or address that messages are sent from, where a message has no sender of its own.'),
  ratePerSecond: z.number().positive().max(1000).optional().describe('Maximum number of messages per second.'),
  concurrency: z.int().min(1).max(100).optional().describe('Maximum number of concurrent sends.'),
  dailyCap: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('Maximum number of messages per day, in the location’s time zone.'),
  sendingWindow: sendingWindow.optional().describe('Hours in which messages are sent, in the location’s time zone.'),
  quietHours: z
    .enum(['off', 'by_country'])
    .optional()
    .describe(
      'by_country: no message in the quiet hours of the country of the contact’s number, where there is a preset; default: off.',
    ),
  whenOver: z
    .enum(['wait', 'fail'])
    .optional()
    .describe('Treatment of messages over the daily cap, outside of the window or in quiet hours; default: wait.'),
  whenUnknown: z
    .enum(['resend', 'ask'])
    .optional()
    .describe(
      'After an unknown outcome with a vendor that does not drop repeats: resend, or hold for review by a person (default).',
    ),
  giveUpAfterMinutes: z
    .int()
    .min(1)
    .max(10_080)
    .optional()
    .describe('Time after which a message that could not be sent fails; until then it delays later ones to the same contact.'),
};

const deliverySettingsSchema = z.object(deliverySettings);

export type DeliverySettings = z.output<typeof deliverySettingsSchema> & {
  whenOver: 'wait' | 'fail';
  whenUnknown: 'resend' | 'ask';
};

/** Settings that a channel proposes for connections that set none. */
export type DefaultDelivery = Pick<z.output<typeof deliverySettingsSchema>, 'ratePerSecond' | 'concurrency' | 'dailyCap'>;

/**
 * Reads these settings from a connection's config, which was validated when it was stored.
 *
 * @param defaults those of its channel
 */
export function parseDeliverySettings(config: object, defaults: DefaultDelivery = {}): DeliverySettings {
  const own = Object.entries(deliverySettingsSchema.parse(config)).filter(([, value]) => value !== undefined);
  const settings: z.output<typeof deliverySettingsSchema> = { ...defaults, ...Object.fromEntries(own) };
  return { ...settings, whenOver: settings.whenOver ?? 'wait', whenUnknown: settings.whenUnknown ?? 'ask' };
}
