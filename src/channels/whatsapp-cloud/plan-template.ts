import type { OutboundMessage, SendOutcome } from '../channel.ts';
import type { WhatsAppContext } from './config.ts';
import { type FillResult, fillFallback, fillTemplate, type TemplateMessage } from './fill-template.ts';
import { createRejection, toFailure } from './outcome.ts';
import type { TemplateCommand } from './template-command.ts';
import type { TemplateDefinition } from './template-definition.ts';
import type { TemplateCache } from './templates.ts';

export interface PlanDeps {
  readonly templates: TemplateCache;
}

export type TemplatePlan =
  | { readonly kind: 'template'; readonly template: TemplateMessage }
  | { readonly kind: 'failed'; readonly outcome: SendOutcome };

/** Plans the template that a message names. */
export async function planTemplate(
  deps: PlanDeps,
  context: WhatsAppContext,
  message: OutboundMessage,
  command: TemplateCommand,
): Promise<TemplatePlan> {
  if (message.attachments.length > 0) {
    return toFailedPlan(createRejection('template_unsupported', 'A message that names a template can’t have attachments.'));
  }
  return plan(deps, context, message, command, (definition) => fillTemplate(definition, command));
}

/** Plans the fallback template, with the text and the addresses of the attachments as its parameter. */
export async function planFallback(
  deps: PlanDeps,
  context: WhatsAppContext,
  message: OutboundMessage,
  text: string,
): Promise<TemplatePlan> {
  const { fallbackTemplate } = context.connection.config;
  if (!fallbackTemplate) throw new Error('Planned a fallback template of a connection without one.');
  const words = [text, ...message.attachments].filter(Boolean).join('\n');
  return plan(deps, context, message, fallbackTemplate, (definition) =>
    fillFallback(definition, fallbackTemplate.parameter, words),
  );
}

/** Categories that are no marketing; an unknown one counts as marketing. */
const serviceCategories = new Set(['UTILITY', 'AUTHENTICATION']);

async function plan(
  deps: PlanDeps,
  context: WhatsAppContext,
  { isOptedOutOfMarketing }: OutboundMessage,
  { name, language }: { readonly name: string; readonly language: string },
  fill: (definition: TemplateDefinition) => FillResult,
): Promise<TemplatePlan> {
  const definition = await deps.templates.find(context, name, language);
  if (definition === null) {
    const problem = `There is no approved template ${name} in the language ${language}.`;
    return toFailedPlan(createRejection('template_not_found', problem));
  }
  if ('kind' in definition) {
    const failure = toFailure(definition, () => 0);
    // A look-up sends no message, and a refused one is no judgement on it.
    const isTemporary = failure.kind === 'unknown' || failure.kind === 'rejected';
    return toFailedPlan(isTemporary ? toUnavailable(failure) : failure);
  }
  if (isOptedOutOfMarketing && !serviceCategories.has(definition.category)) {
    const problem = `The contact has opted out of marketing, and the template’s category is ${definition.category}.`;
    return toFailedPlan(createRejection('opted_out', problem));
  }
  const result = fill(definition);
  if (result.kind === 'invalid') return toFailedPlan(createRejection(result.code, result.problem));
  return { kind: 'template', template: result.template };
}

function toUnavailable({ code, message, response }: { code: string; message: string; response?: string }): SendOutcome {
  return { kind: 'unavailable', code, message, ...(response === undefined ? {} : { response }) };
}

function toFailedPlan(outcome: SendOutcome): TemplatePlan {
  return { kind: 'failed', outcome };
}
