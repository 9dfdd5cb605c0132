import type * as z from 'zod';
import type { ConfigField, FormValues } from './config-form.ts';
import type { Text } from './texts.ts';

/** A field with the reader's words: the language's own where it has them, else those of the schema. */
export interface WordedField extends Omit<ConfigField, 'fields' | 'options'> {
  readonly label: string;
  readonly help: string | undefined;
  readonly choices: readonly { value: string; text: string }[];
  readonly fields: readonly WordedField[];
}

/** @param under the key of these fields' texts: `<under>.<name>.label`, `.help`, `.options.<value>`, `.errors.<code>` */
export function inWords(text: Text, under: string, fields: readonly ConfigField[]): WordedField[] {
  const own = (key: string) => (text.has(key) ? text(key) : undefined);
  return fields.map((field) => {
    const key = `${under}.${field.name}`;
    return {
      ...field,
      label: own(`${key}.label`) ?? field.title,
      help: own(`${key}.help`) ?? field.description,
      choices: field.options.map((option) => ({
        value: String(option),
        text: own(`${key}.options.${option}`) ?? String(option),
      })),
      fields: inWords(text, under, field.fields),
    };
  });
}

/** What is wrong, by field: the first of each. What belongs to no field stands under the empty name. */
export function issuesInWords(
  text: Text,
  under: string,
  fields: readonly ConfigField[],
  issues: readonly z.core.$ZodIssue[],
  given: FormValues,
): Record<string, string> {
  const all = fields.flatMap((field) => [field, ...field.fields]);
  const found: Record<string, string> = {};
  for (const issue of issues) {
    const path = issue.path.map(String);
    // Something inside of a list, or of what is typed as JSON, is told at that field.
    const field = path
      .map((_, index) => path.slice(0, path.length - index).join('.'))
      .flatMap((name) => all.filter((one) => one.name === name))[0];
    found[field?.name ?? ''] ??= field ? issueText(text, under, field, issue, given) : issue.message;
  }
  return found;
}

function issueText(text: Text, under: string, field: ConfigField, issue: z.core.$ZodIssue, given: FormValues): string {
  const own = `${under}.${field.name}.errors.${issue.code === 'custom' ? issue.params?.code : issue.code}`;
  if (text.has(own)) return text(own);
  const isMissing = field.kind !== 'group' && (given[field.name] ?? '').toString().trim() === '';
  if (isMissing && field.isNeeded && field.kind !== 'choices') return text('channels.form.needed');
  if (field.kind === 'choices' && issue.code === 'too_small') return text('channels.form.chooseOne');
  if (field.kind !== 'number') return issue.message;
  if (issue.code === 'too_small') {
    return text(issue.inclusive === false ? 'channels.form.above' : 'channels.form.atLeast', { limit: Number(issue.minimum) });
  }
  if (issue.code === 'too_big') return text('channels.form.atMost', { limit: Number(issue.maximum) });
  if (issue.code !== 'invalid_type') return issue.message;
  return text(issue.expected === 'int' ? 'channels.form.whole' : 'channels.form.number');
}
