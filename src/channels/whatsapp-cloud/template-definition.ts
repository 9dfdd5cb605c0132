import { toId, toList, toObject, toText } from '../../core/foreign.ts';

/** Template as Meta describes it. */
export interface TemplateDefinition {
  readonly name: string;
  readonly language: string;
  /** `MARKETING`, `UTILITY` or `AUTHENTICATION`. */
  readonly category: string;
  readonly isApproved: boolean;
  readonly body: string;
  /** Parameters of the body: names, or positions. */
  readonly parameters: readonly string[];
  readonly isNamed: boolean;
  /** What else the template needs, which a text can't give: null for none. */
  readonly unsupported: 'header' | 'button' | null;
}

/** Parses a row of the list of templates. @returns null for an unreadable row */
export function parseTemplate(value: unknown): TemplateDefinition | null {
  const row = toObject(value);
  const [name, language] = [toId(row.name), toId(row.language)];
  if (!name || !language) return null;
  const components = toList(row.components).map(toObject);
  const body = components.find(({ type }) => toText(type)?.toUpperCase() === 'BODY');
  const bodyText = toText(body?.text) ?? '';
  const isNamed = toText(row.parameter_format)?.toUpperCase() === 'NAMED';
  return {
    name,
    language,
    category: (toText(row.category) ?? 'UNKNOWN').toUpperCase(),
    isApproved: toText(row.status)?.toUpperCase() === 'APPROVED',
    body: bodyText,
    parameters: listParameters(bodyText, isNamed),
    isNamed,
    unsupported: findUnsupported(components),
  };
}

const placeholder = /\{\{\s*([A-Za-z0-9_]{1,100})\s*\}\}/g;

/** Lists the placeholders of a text, each once: positions in the order of their numbers, names in that of the text. */
function listParameters(text: string, isNamed: boolean): string[] {
  const found = [...new Set([...text.matchAll(placeholder)].map(([, parameter = '']) => parameter))];
  return isNamed ? found : found.sort((one, other) => Number(one) - Number(other));
}

/** Finds a component that needs values of its own. */
function findUnsupported(components: readonly Record<string, unknown>[]): TemplateDefinition['unsupported'] {
  const isDynamic = (value: unknown) => /\{\{/.test(toText(value) ?? '');
  for (const component of components) {
    const type = toText(component.type)?.toUpperCase();
    const format = toText(component.format)?.toUpperCase() ?? 'TEXT';
    if (type === 'HEADER' && (format !== 'TEXT' || isDynamic(component.text))) return 'header';
    const buttons = type === 'BUTTONS' ? toList(component.buttons).map(toObject) : [];
    const needsValue = (button: Record<string, unknown>) =>
      isDynamic(button.url) || ['COPY_CODE', 'OTP'].includes(toText(button.type)?.toUpperCase() ?? '');
    if (buttons.some(needsValue)) return 'button';
  }
  return null;
}

/** Fills the placeholders of a body, for its length. */
export function fillBody({ body }: TemplateDefinition, values: ReadonlyMap<string, string>): string {
  return body.replace(placeholder, (found, parameter) => values.get(parameter) ?? found);
}
