import type * as z from 'zod';
import type { ConfigProblem } from '../../../channels/channel.ts';
import { secretMovedCode } from '../../../connections/check-config.ts';
import type { Text } from '../framework/texts.ts';
import { type ConfigField, type FormValues, flattenFields } from './config-form.ts';

/** A field with labels in the viewer's language, or else from the schema. */
export interface LabelledField extends Omit<ConfigField, 'fields' | 'options'> {
  readonly label: string;
  readonly help: string | undefined;
  readonly choices: readonly { value: string; text: string }[];
  readonly fields: readonly LabelledField[];
}

/** Adds labels to fields. @param keyPrefix of their texts: `<prefix>.<name>.label`, `.help`, `.options.<value>`, `.errors.<code>` */
export function toLabelledFields(text: Text, keyPrefix: string, fields: readonly ConfigField[]): LabelledField[] {
  const findText = (key: string) => (text.has(key) ? text(key) : undefined);
  return fields.map((field) => {
    const key = `${keyPrefix}.${field.name}`;
    return {
      ...field,
      label: findText(`${key}.label`) ?? field.title,
      help: findText(`${key}.help`) ?? field.description,
      choices: field.options.map((option) => ({
        value: String(option),
        text: findText(`${key}.options.${option}`) ?? String(option),
      })),
      fields: toLabelledFields(text, keyPrefix, field.fields),
    };
  });
}

/** Converts issues to messages by field, the first of each field; issues without a field are under the empty name. */
export function toFieldErrors(
  text: Text,
  keyPrefix: string,
  fields: readonly ConfigField[],
  issues: readonly z.core.$ZodIssue[],
  given: FormValues,
): Record<string, string> {
  const all = flattenFields(fields);
  const found: Record<string, string> = {};
  for (const issue of issues) {
    const path = issue.path.map(String);
    // An issue inside a list or a JSON value is reported at its field.
    const field = path
      .map((_, index) => path.slice(0, path.length - index).join('.'))
      .flatMap((name) => all.filter((one) => one.name === name))[0];
    found[field?.name ?? ''] ??= field ? toErrorText(text, keyPrefix, field, issue, given) : issue.message;
  }
  return found;
}

/** Converts a vendor's problems with a config to messages by field; those with the account as a whole are under the empty name. */
export function toProblemErrors(
  text: Text,
  keyPrefix: string,
  fields: readonly ConfigField[],
  problems: readonly ConfigProblem[],
): Record<string, string> {
  const names = new Set(flattenFields(fields).map(({ name }) => name));
  const found: Record<string, string> = {};
  for (const { field, code, message } of problems) {
    // A field without an input is reported at the one that contains it, else above the form.
    const path = field?.split('.') ?? [];
    const name = path.map((_, index) => path.slice(0, path.length - index).join('.')).find((one) => names.has(one)) ?? '';
    const key = `${keyPrefix}.${field ? `${field}.errors.${code}` : `problems.${code}`}`;
    const words = text.has(key) ? text(key) : message;
    found[name] = found[name] ? `${found[name]} ${words}` : words;
  }
  return found;
}

function toErrorText(text: Text, keyPrefix: string, field: ConfigField, issue: z.core.$ZodIssue, given: FormValues): string {
  const own = `${keyPrefix}.${field.name}.errors.${issue.code === 'custom' ? issue.params?.code : issue.code}`;
  if (text.has(own)) return text(own);
  if (issue.code === 'custom' && issue.params?.code === secretMovedCode) return text('channels.form.secretMoved');
  const isMissing = field.kind !== 'group' && (given[field.name] ?? '').toString().trim() === '';
  if (isMissing && field.isRequired && field.kind !== 'choices') return text('channels.form.required');
  if (field.kind === 'choices' && issue.code === 'too_small') return text('channels.form.chooseOne');
  if (field.kind !== 'number') return issue.message;
  if (issue.code === 'too_small') {
    return text(issue.inclusive === false ? 'channels.form.above' : 'channels.form.min', { limit: Number(issue.minimum) });
  }
  if (issue.code === 'too_big') return text('channels.form.max', { limit: Number(issue.maximum) });
  if (issue.code !== 'invalid_type') return issue.message;
  return text(issue.expected === 'int' ? 'channels.form.integer' : 'channels.form.number');
}
