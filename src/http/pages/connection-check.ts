import * as z from 'zod';
import type { Check } from '../../checks/check.ts';
import type { Checks } from '../../compose/checks.ts';
import { definePage } from './framework/page.ts';
import type { Text } from './framework/texts.ts';

export interface CheckPageDeps {
  checks: Checks;
}

/** Creates the connection check page of a location, for its admins and the operator. */
export function createConnectionCheckPage({ checks: { checkLocation } }: CheckPageDeps) {
  return definePage({
    path: 'check',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'connection-check',
    permission: 'write',
    nav: { text: 'checks.nav', order: 45, isInSettings: true },
    query: z.object({}),
    show: async ({ location, text }) => toModel(text, await checkLocation(location)),
    version: async ({ location }) => JSON.stringify(await checkLocation(location)),
  });
}

/** Creates the connection check page of the whole installation. */
export function createProgramCheckPage({ checks: { checkProgram } }: CheckPageDeps) {
  return definePage({
    path: 'check',
    scope: 'account',
    viewers: ['operator'],
    view: 'connection-check',
    permission: 'operator',
    nav: { text: 'checks.nav', order: 75 },
    query: z.object({}),
    show: async ({ text }) => toModel(text, await checkProgram()),
    version: async () => JSON.stringify((await checkProgram()).map(toVersion)),
  });
}

/** Values that change with each measurement. */
const measured = new Set(['database:latency', 'database:clock', 'database:connections', 'disk']);

function toVersion({ name, status, ...rest }: Check) {
  return measured.has(name) ? [name, status] : [name, status, rest];
}

/** Failed checks come first. */
const order = { failed: 0, warning: 1, ok: 2 } as const;

function toModel(text: Text, checks: readonly Check[]) {
  const sorted = checks.toSorted((a, b) => order[a.status] - order[b.status]);
  return {
    title: text('checks.title'),
    failedCount: checks.filter(({ status }) => status === 'failed').length,
    checks: sorted.map(({ name, status, messageKey, values, fix }) => ({
      name,
      status,
      label: text(`checks.statuses.${status}`),
      message: text(`checks.messages.${messageKey}`, formatTimes(text, values)),
      fix: fix && text(`checks.fixes.${fix}`),
    })),
  };
}

/** Formats times in the viewer's language. */
function formatTimes(text: Text, values: Record<string, string>): Record<string, string> {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    name === 'at' || name === 'until' ? text.time(new Date(value), { dateStyle: 'medium', timeStyle: 'short' }) : value,
  ]);
  return Object.fromEntries(entries);
}
