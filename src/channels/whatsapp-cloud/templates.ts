import { toList, toObject, toText } from '../../core/foreign.ts';
import type { Template } from '../channel.ts';
import type { WhatsAppContext } from './config.ts';
import { callGraph, type GraphResult } from './graph.ts';
import { createVendorError } from './outcome.ts';
import { parseTemplate, type TemplateDefinition } from './template-definition.ts';

const fields = 'name,status,category,language,components,parameter_format';
const pageSize = 100;
const maxPages = 20;

type GraphFailure = Exclude<GraphResult, { kind: 'ok' }>;

/** Lists the templates of the account, with every status. @param name only of this name. @returns the failed request, if one fails */
export async function loadTemplates(context: WhatsAppContext, name?: string): Promise<TemplateDefinition[] | GraphFailure> {
  const found: TemplateDefinition[] = [];
  let after: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const result = await callGraph(context, {
      method: 'GET',
      path: `${context.connection.config.businessAccountId}/message_templates`,
      query: { fields, limit: String(pageSize), ...(name ? { name } : {}), ...(after ? { after } : {}) },
    });
    if (result.kind !== 'ok') return result;
    const { templates, next } = readTemplatePage(result.body);
    found.push(...templates);
    if (next === undefined || next === after) break;
    after = next;
  }
  return found;
}

/** Reads a page of templates; unreadable rows are left out. */
export function readTemplatePage(body: unknown): { templates: TemplateDefinition[]; next: string | undefined } {
  const { data, paging } = toObject(body);
  const { next, cursors } = toObject(paging);
  return {
    templates: toList(data)
      .map(parseTemplate)
      .filter((template) => template !== null),
    // The last page has cursors too, but no address of a next one.
    next: toText(next) ? toText(toObject(cursors).after) : undefined,
  };
}

/**
 * Lists the templates that a message can name: approved, and without values of a header or a button.
 *
 * @throws AppError as {@link createVendorError}
 */
export async function listUsableTemplates(context: WhatsAppContext): Promise<Template[]> {
  const loaded = await loadTemplates(context);
  if (!Array.isArray(loaded)) throw createVendorError(loaded);
  return loaded
    .filter(({ isApproved, unsupported }) => isApproved && !unsupported)
    .map(({ name, language, category, body, parameters }) => ({ name, language, category, body, parameters }));
}

const cacheTtlMs = 10 * 60 * 1000;
const maxCachedNames = 500;

export type TemplateCache = ReturnType<typeof createTemplateCache>;

/**
 * Creates the look-up of one template before it is sent, cached: Meta allows a new app 200 calls an hour. A template that was not found is
 * looked up again each time, so that a new one works at once.
 */
export function createTemplateCache() {
  const cached = new Map<string, { loadedAt: number; templates: readonly TemplateDefinition[] }>();
  const toKey = ({ connection: { id, config } }: WhatsAppContext, name: string) => `${id} ${config.businessAccountId} ${name}`;
  return {
    /** @returns null where there is no approved template of this name in this language */
    async find(context: WhatsAppContext, name: string, language: string): Promise<TemplateDefinition | null | GraphFailure> {
      const key = toKey(context, name);
      const now = context.clock.now();
      const known = cached.get(key);
      const pick = (templates: readonly TemplateDefinition[]) =>
        templates.find((one) => one.name === name && one.language === language && one.isApproved) ?? null;
      const current = known && now - known.loadedAt < cacheTtlMs ? pick(known.templates) : null;
      if (current) return current;
      const templates = await loadTemplates(context, name);
      if (!Array.isArray(templates)) return templates;
      cached.delete(key);
      cached.set(key, { loadedAt: now, templates });
      const [oldest] = cached.keys();
      if (cached.size > maxCachedNames && oldest !== undefined) cached.delete(oldest);
      return pick(templates);
    },
    /** Removes a template that Meta has refused. */
    forget(context: WhatsAppContext, name: string): void {
      cached.delete(toKey(context, name));
    },
  };
}
