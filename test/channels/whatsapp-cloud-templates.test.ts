import fc from 'fast-check';
import { fillFallback, fillTemplate, toParameterText } from '../../src/channels/whatsapp-cloud/fill-template.ts';
import { parseTemplateCommand } from '../../src/channels/whatsapp-cloud/template-command.ts';
import { parseTemplate, type TemplateDefinition } from '../../src/channels/whatsapp-cloud/template-definition.ts';

function define(body: string, more: Record<string, unknown> = {}): TemplateDefinition {
  const row = {
    name: 'hello',
    language: 'en_US',
    status: 'APPROVED',
    category: 'UTILITY',
    components: [{ type: 'BODY', text: body }],
    ...more,
  };
  const definition = parseTemplate(row);
  if (!definition) throw new Error('The template was not read.');
  return definition;
}

const two = define('Hi {{1}}, see you on {{2}}.');
const named = define('Hi {{first_name}}, see {{offer}}.', { parameter_format: 'NAMED' });

test.each([
  ['{{template:hello|en_US}}', { name: 'hello', language: 'en_US', values: [] }],
  ['  {{template: hello | en | Bob | Monday }}\n', { name: 'hello', language: 'en', values: ['Bob', 'Monday'] }],
  ['[[template:hello|pt_BR|a=b]]', { name: 'hello', language: 'pt_BR', values: ['a=b'] }],
  ['{{template:hello|en_US|two\nlines|}}', { name: 'hello', language: 'en_US', values: ['two\nlines', ''] }],
])('%j names a template', (text, command) => {
  expect(parseTemplateCommand(text)).toEqual({ kind: 'template', ...command });
});

test.each([
  'hello',
  '',
  'see {{template:hello|en_US}}',
  '{template:hello|en}',
  '{{ template:hello|en }}',
  '{{Template:hello|en}}',
])('%j is ordinary text', (text) => {
  expect(parseTemplateCommand(text)).toEqual({ kind: 'none' });
});

test.each([
  '{{template:hello}}',
  '{{template:hello|en_US',
  '{{template:hello|en_US]]',
  '{{template:hello|en_US}} and more',
  '{{template:Hello!|en_US}}',
  '{{template:hello|English}}',
  '{{template:hello|en_US|{{contact.first_name}}}}',
  '{{template:hello|en_US|a}}{{template:other|en_US|b}}',
])('%j is refused: its raw form would reach the contact', (text) => {
  expect(parseTemplateCommand(text).kind).toBe('invalid');
});

/** Texts that a contact could enter as a name. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '|',
        '}}',
        '{{',
        ']]',
        '[[',
        '{{template:other|es|x}}',
        'template:',
        '=',
        'offer=free',
        '\n',
        '\t',
        '     ',
        '{{1}}',
        '{',
        '}',
      ),
      fc.string(),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

test('a value from a contact never changes the template, adds a parameter, or reaches another one', () => {
  fc.assert(
    fc.property(hostile, hostile, fc.constantFrom(['{{', '}}'], ['[[', ']]']), (first, second, [open, close]) => {
      const command = parseTemplateCommand(`${open}template:hello|en_US|${first}|${second}${close}`);
      if (command.kind === 'invalid') return;
      if (command.kind === 'none') throw new Error('A command was sent as text.');
      expect([command.name, command.language]).toEqual(['hello', 'en_US']);
      const result = fillTemplate(two, command);
      if (result.kind === 'invalid') return;
      const texts = result.template.components?.[0]?.parameters.map(({ text }) => text);
      expect(texts).toEqual([first, second].map(toParameterText));
    }),
    { numRuns: 2_000 },
  );
});

test('a value from a contact never fills another named parameter', () => {
  fc.assert(
    fc.property(hostile, hostile, (first, second) => {
      const command = parseTemplateCommand(`{{template:hello|en_US|first_name=${first}|offer=${second}}}`);
      if (command.kind !== 'template') return;
      const result = fillTemplate(named, command);
      if (result.kind === 'invalid') return;
      expect(result.template.components?.[0]?.parameters).toEqual([
        { type: 'text', text: toParameterText(first), parameter_name: 'first_name' },
        { type: 'text', text: toParameterText(second), parameter_name: 'offer' },
      ]);
    }),
    { numRuns: 1_000 },
  );
});

test('a parameter has the form that Meta asks for, whatever the text', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(toParameterText(text)).not.toMatch(/[\r\n\t\u2028\u2029]| {2}|^\s|\s$/);
    }),
  );
  expect(toParameterText('one\r\n\r\n  two\tthree      four\n')).toBe('one - two three four');
});

test.each([
  [two, ['a'], 'template_parameters'],
  [two, ['a', 'b', 'c'], 'template_parameters'],
  [two, ['a', ' '], 'template_parameters'],
  [two, ['a', 'x'.repeat(1_100)], 'template_too_long'],
  [named, ['first_name=a', 'b'], 'template_parameters'],
  [named, ['first_name=a', 'first_name=b'], 'template_parameters'],
  [
    define('Hi.', {
      components: [
        { type: 'HEADER', format: 'IMAGE' },
        { type: 'BODY', text: 'Hi.' },
      ],
    }),
    [],
    'template_unsupported',
  ],
  [
    define('Hi.', {
      components: [
        { type: 'HEADER', format: 'TEXT', text: 'A {{1}}' },
        { type: 'BODY', text: 'Hi.' },
      ],
    }),
    [],
    'template_unsupported',
  ],
  [
    define('Hi.', {
      components: [
        { type: 'BODY', text: 'Hi.' },
        { type: 'BUTTONS', buttons: [{ type: 'URL', url: 'https://x.example/{{1}}' }] },
      ],
    }),
    [],
    'template_unsupported',
  ],
])('%j with %j is refused as %s', (definition, values, code) => {
  expect(fillTemplate(definition, { values })).toMatchObject({ kind: 'invalid', code });
});

test('a template without parameters has no components, and a placeholder that repeats is one parameter', () => {
  expect(fillTemplate(define('Hi.'), { values: [] })).toEqual({
    kind: 'filled',
    template: { name: 'hello', language: { policy: 'deterministic', code: 'en_US' } },
  });
  expect(define('{{2}} {{1}} {{2}} {{10}}.').parameters).toEqual(['1', '2', '10']);
});

test('the fallback template takes the text in its one parameter', () => {
  const one = define('From us: {{1}} Reply here.');
  expect(fillFallback(one, '1', 'a\nb')).toMatchObject({
    template: { components: [{ type: 'body', parameters: [{ type: 'text', text: 'a - b' }] }] },
  });
  expect(fillFallback(two, '1', 'a')).toMatchObject({ kind: 'invalid' });
  expect(fillFallback(one, '2', 'a')).toMatchObject({ kind: 'invalid' });
});
