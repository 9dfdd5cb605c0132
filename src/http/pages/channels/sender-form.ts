import * as z from 'zod';
import { deliverySettings } from '../../../channels/delivery-settings.ts';
import { type SenderSettings, senderSettings } from '../../../connections/sender-settings.ts';
import { getZodErrorMap, type Text } from '../framework/texts.ts';
import { type FormValues, flattenFields, readConfig, toConfigFields, toFormValues } from './config-form.ts';
import { toFieldErrors } from './config-labels.ts';

/** The choice of no hours of sending. */
export const anyTime = 'any';

const { ratePerSecond, dailyCap, sendingWindow } = deliverySettings;
const formSchema = z.object({ ratePerSecond, dailyCap, sendingWindow });
const fields = toConfigFields(formSchema);

/** Fields of the form for the settings of a sender, by their names. */
export const senderFields = Object.fromEntries(flattenFields(fields).map((field) => [field.name, field]));

/** Returns the values with which the form of a sender starts. */
export function toSenderValues(settings: SenderSettings | undefined): FormValues {
  const given = Object.entries(settings ?? {}).filter(([name, value]) => name in formSchema.shape && value !== null);
  const values = toFormValues(fields, Object.fromEntries(given));
  return {
    ...values,
    hours: values.sendingWindow === 'on' ? 'some' : anyTime,
    isPaused: settings?.isPaused ? 'yes' : undefined,
  };
}

/** Reads the submitted settings of a sender; the errors are in the reader's language. */
export function readSenderSettings(
  text: Text,
  body: FormValues,
): { settings: SenderSettings } | { errors: Record<string, string> } {
  const given = readConfig(fields, { ...body, sendingWindow: body.hours === anyTime ? '' : 'on' });
  const read = formSchema.safeParse(given, { error: getZodErrorMap(text.language) });
  if (!read.success) return { errors: toFieldErrors(text, 'channels.settings', fields, read.error.issues, body) };
  return { settings: senderSettings.parse({ ...read.data, isPaused: body.isPaused === 'yes' }) };
}
