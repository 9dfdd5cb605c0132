import { formatCount } from '../../core/format-count.ts';
import type { TemplateCommand } from './template-command.ts';
import { fillBody, type TemplateDefinition } from './template-definition.ts';

/** Template part of a message. */
export interface TemplateMessage {
  readonly name: string;
  readonly language: { readonly policy: 'deterministic'; readonly code: string };
  readonly components?: readonly {
    readonly type: 'body';
    readonly parameters: readonly { readonly type: 'text'; readonly text: string; readonly parameter_name?: string }[];
  }[];
}

export type FillResult =
  | { readonly kind: 'filled'; readonly template: TemplateMessage }
  | { readonly kind: 'invalid'; readonly code: string; readonly problem: string };

/** Longest body of a template with its parameters. */
const maxFilledChars = 1_024;

/**
 * Fills a template with the values of a command. There have to be as many as the template has parameters. For a template with named
 * parameters each value is `name=value`; in any other template `=` has no meaning.
 */
export function fillTemplate(definition: TemplateDefinition, { values }: Pick<TemplateCommand, 'values'>): FillResult {
  const { parameters, isNamed } = definition;
  if (values.length !== parameters.length) {
    return invalid(
      'template_parameters',
      `The template needs ${formatCount(parameters.length, 'value')} and the message has ${values.length}. A value must not have the sign “|”.`,
    );
  }
  const entries = isNamed ? values.map(splitNamed) : values.map((value, index) => [parameters[index] ?? '', value] as const);
  const byName = new Map(entries);
  const missing = parameters.find((name) => !byName.has(name));
  if (missing !== undefined) return invalid('template_parameters', `The template needs the value ${missing}=….`);
  return fill(definition, byName);
}

/** Fills the one parameter of a fallback template with a message's text. */
export function fillFallback(definition: TemplateDefinition, parameter: string | undefined, text: string): FillResult {
  const [only, ...others] = definition.parameters;
  const wanted = parameter ?? '1';
  if (only !== wanted || others.length > 0) {
    return invalid('template_parameters', `The fallback template has to have the parameter ${wanted} and no other.`);
  }
  return fill(definition, new Map([[wanted, text]]));
}

function splitNamed(value: string): readonly [string, string] {
  const at = value.indexOf('=');
  return at < 0 ? ['', value] : [value.slice(0, at).trim(), value.slice(at + 1).trim()];
}

function fill(definition: TemplateDefinition, given: ReadonlyMap<string, string>): FillResult {
  const { name, language, parameters, isNamed, unsupported } = definition;
  if (unsupported) {
    return invalid(
      'template_unsupported',
      `The template needs a value for its ${unsupported}, which a text message can’t give.`,
    );
  }
  const values = new Map(parameters.map((parameter) => [parameter, toParameterText(given.get(parameter) ?? '')]));
  const empty = parameters.find((parameter) => values.get(parameter) === '');
  if (empty !== undefined) return invalid('template_parameters', `The template’s value ${empty} is empty.`);
  const length = fillBody(definition, values).length;
  if (length > maxFilledChars) {
    const tooMany = length - maxFilledChars;
    return invalid(
      'template_too_long',
      `The template is ${formatCount(tooMany, 'character')} too long with this text: ${maxFilledChars} at most.`,
    );
  }
  const filled = parameters.map((parameter) => ({
    type: 'text' as const,
    text: values.get(parameter) ?? '',
    ...(isNamed ? { parameter_name: parameter } : {}),
  }));
  return {
    kind: 'filled',
    template: {
      name,
      language: { policy: 'deterministic', code: language },
      ...(filled.length > 0 ? { components: [{ type: 'body', parameters: filled }] } : {}),
    },
  };
}

/** Converts a text to one that Meta takes as a parameter: without line breaks, tabs and runs of spaces. */
export function toParameterText(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]+/).map((line) => line.replace(/\s+/g, ' ').trim());
  return lines.filter(Boolean).join(' - ');
}

function invalid(code: string, problem: string): FillResult {
  return { kind: 'invalid', code, problem };
}
