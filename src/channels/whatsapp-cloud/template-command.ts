import { isTemplateLanguage, isTemplateName } from './config.ts';

/** Template that a message names, with the values of its parameters in order. */
export interface TemplateCommand {
  readonly kind: 'template';
  readonly name: string;
  readonly language: string;
  readonly values: readonly string[];
}

export type CommandReading =
  /** Ordinary text. */
  { readonly kind: 'none' } | TemplateCommand | { readonly kind: 'invalid'; readonly problem: string };

/** Brackets of a command. The second pair is for programs that take double braces for fields of their own. */
const brackets = [
  ['{{', '}}'],
  ['[[', ']]'],
] as const;

const keyword = 'template:';

/**
 * Parses a message that names a template: `{{template:name|language|value|value}}`, or the same in double square brackets.
 *
 * Values come from fields that contacts fill in, so a value can't change the meaning of the rest:
 * - The command is the whole message, and name and language stand first: later text can't replace them.
 * - A bracket of either kind inside of the command makes it invalid, so that a value neither ends it nor begins another one.
 * - `|` in a value yields one more value. The number of values has to be that of the template (`fillTemplate`), so that it is refused.
 * - A text that begins as a command and is none is refused: its raw form would reach the contact.
 */
export function parseTemplateCommand(text: string): CommandReading {
  const trimmed = text.trim();
  const pair = brackets.find(([open]) => trimmed.startsWith(open + keyword));
  if (!pair) return { kind: 'none' };
  const [open, close] = pair;
  if (!trimmed.endsWith(close)) return invalid(`The message has to end with ${close}.`);
  const inner = trimmed.slice(open.length + keyword.length, -close.length);
  if (/\{\{|\}\}|\[\[|\]\]/.test(inner)) return invalid('A value has double brackets, or a field in it was not filled in.');
  const [name = '', language = '', ...values] = inner.split('|').map((part) => part.trim());
  if (!isTemplateName(name)) return invalid('The template’s name must be small letters, digits and _.');
  if (!isTemplateLanguage(language)) return invalid('The second part must be the template’s language, such as en_US.');
  return { kind: 'template', name, language, values };
}

function invalid(problem: string): CommandReading {
  return { kind: 'invalid', problem };
}
