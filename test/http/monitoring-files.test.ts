import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { readExpression } from '../support/promql.ts';
import { startWorld } from '../support/world.ts';
import { parseYaml } from '../support/yaml.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, 'deploy/monitoring', path), 'utf8');

const rule = z.strictObject({
  alert: z.string().regex(/^Patchbay\w+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+[smh]$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string() }),
});
const rules = z
  .tuple([z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule) })) })])
  .parse(parseYaml(read('prometheus-rules.yaml')))[0]
  .groups.flatMap((group) => group.rules);

const panel = z.looseObject({
  id: z.number(),
  title: z.string(),
  gridPos: z.strictObject({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
  targets: z.array(z.looseObject({ expr: z.string(), legendFormat: z.string() })).default([]),
});
const dashboard = z
  .looseObject({ uid: z.literal('patchbay'), panels: z.array(panel) })
  .parse(JSON.parse(read('grafana-dashboard.json')));
const targets = dashboard.panels.flatMap((one) => one.targets);

const expressions = [...rules.map(({ expr }) => expr), ...targets.map(({ expr }) => expr)];
const selectors = expressions.flatMap((expression) => readExpression(expression).selectors);

/** Labels that the collector adds. */
const addedLabels = ['job', 'instance'];
const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
  .join('\n');

test('each metric and label of the alert rules and the dashboard is one that the program exports', async () => {
  await using world = await startWorld({ isIdle: true });
  const { metrics } = world.services;
  metrics.collectProcess();
  const { text } = await world.client.get('/metrics').expect(200);
  const kinds = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => [match[1] ?? '', match[2]]));
  const toFamily = (name: string) => {
    const family = name.replace(/_(bucket|sum|count)$/, '');
    return kinds.get(family) === 'histogram' ? family : name;
  };
  const declared = metrics.registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
  const labelsOf = (name: string) => [
    ...addedLabels,
    ...(declared.find((metric) => metric.name === toFamily(name))?.labelNames ?? []),
    ...(name.endsWith('_bucket') ? ['le'] : []),
  ];
  metrics.registry.clear();

  expect(selectors.length).toBeGreaterThan(40);
  expect(selectors.map(({ metric }) => metric).filter((name) => !kinds.has(toFamily(name)))).toEqual([]);
  // A histogram is read by its parts, a counter by its increase.
  expect(selectors.filter(({ metric }) => kinds.get(metric) === 'histogram')).toEqual([]);
  const counters = expressions.filter((one) => /(?<!(rate|increase)\()\b\w+_total\b/.test(one));
  expect(counters).toEqual([]);

  const unknown = selectors.flatMap(({ metric, matchers }) =>
    matchers.filter(({ label }) => !labelsOf(metric).includes(label)).map(({ label }) => `${metric}: ${label}`),
  );
  expect(unknown).toEqual([]);
  const wrong = expressions.flatMap((expression) => {
    const { selectors: own, groupedBy } = readExpression(expression);
    return groupedBy
      .filter((label) => own.some(({ metric }) => !labelsOf(metric).includes(label)))
      .map((label) => `${label} in ${expression}`);
  });
  expect(wrong).toEqual([]);
});

test('each value that a rule or panel selects by is one that the program writes', () => {
  const values = selectors
    .flatMap(({ matchers }) => matchers)
    .filter(({ label }) => !addedLabels.includes(label) && label !== 'status')
    .flatMap(({ value }) => value.split('|'));
  expect(values).toContain('signature_invalid');
  expect([...new Set(values)].filter((value) => !new RegExp(`'${value}'|\\b${value}:`).test(source))).toEqual([]);
});

test('each metric of the program is on the dashboard, and panels lie beside each other', () => {
  const shown = new Set(
    targets.flatMap(({ expr }) => readExpression(expr).selectors).map(({ metric }) => metric.replace(/_bucket$/, '')),
  );
  const declared = [...source.matchAll(/name: '(patchbay_\w+)'/g)].map((match) => match[1] ?? '');
  expect(declared.length).toBeGreaterThan(10);
  expect(declared.filter((name) => !shown.has(name))).toEqual([]);

  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  const overlaps = dashboard.panels.flatMap((a, index) =>
    dashboard.panels
      .slice(index + 1)
      .filter(({ gridPos: b }) => {
        const { gridPos } = a;
        return gridPos.x < b.x + b.w && b.x < gridPos.x + gridPos.w && gridPos.y < b.y + b.h && b.y < gridPos.y + gridPos.h;
      })
      .map((b) => `${a.title} and ${b.title}`),
  );
  expect(overlaps).toEqual([]);
});
