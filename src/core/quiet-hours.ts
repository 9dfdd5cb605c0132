import { type Area, findArea, unknownArea } from './area-codes.ts';
import { isFrenchHoliday } from './french-holidays.ts';
import { findNextDayStart } from './local-days.ts';
import { type DailyWindow, findNextOpening, toLocalTime, type Weekday } from './local-time.ts';

/** Hours in which a country allows messages that are not asked for. */
export interface QuietHoursRule {
  /** Allowed hours: any of them. */
  readonly windows: readonly DailyWindow[];
  /** Days without any. @param day `2026-11-24` */
  isClosed?(day: string): boolean;
  /** For people. */
  readonly source: string;
}

const everyDay: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri'];

const unitedStates: QuietHoursRule = {
  windows: [{ from: '08:00', to: '21:00', days: everyDay }],
  source: '47 CFR 64.1200(c)(1), the FCC’s rule under the TCPA: 8 a.m. to 9 p.m. at the called party’s location',
};

/** Presets by country (ISO 3166). A country without one has no quiet hours here. */
const rules: Readonly<Record<string, QuietHoursRule>> = {
  US: unitedStates,
  PR: unitedStates,
  VI: unitedStates,
  GU: unitedStates,
  MP: unitedStates,
  AS: unitedStates,
  CA: {
    windows: [
      { from: '09:00', to: '21:30', days: weekdays },
      { from: '10:00', to: '18:00', days: ['sat', 'sun'] },
    ],
    source: 'CRTC Unsolicited Telecommunications Rules, part III, section 23; written for calls',
  },
  FR: {
    windows: [{ from: '08:00', to: '20:00', days: [...weekdays, 'sat'] }],
    isClosed: isFrenchHoliday,
    source: 'The operators’ rules for marketing messages; the narrowest of the published hours (some vendors say 22:00)',
  },
};

/** Lists the presets, for people. */
export function listQuietHoursRules(): readonly (QuietHoursRule & { country: string })[] {
  return Object.entries(rules).map(([country, rule]) => ({ country, ...rule }));
}

/**
 * Finds the end of the quiet hours in which a number's country is. Pure. Where an area has several time zones, or its zone is unknown, it must
 * be day in all of them. The number says where a contact is from, which need not be the place where the contact is.
 *
 * @param address a number in E.164; another address has no quiet hours
 * @returns null when a message may be sent now
 */
export function findQuietHoursEnd(address: string, atMs: number): number | null {
  const area = findAreaOfNumber(address);
  const rule = area && rules[area.country];
  if (!rule) return null;
  let at = atMs;
  for (let steps = 0; steps < maxSteps; steps++) {
    const from = at;
    const next = Math.max(...area.zones.map((zone) => findOpening(rule, zone, from)));
    if (next <= at) return at === atMs ? null : at;
    at = next;
  }
  return at;
}

/** More than the holidays and Sundays that can follow each other, in all zones. */
const maxSteps = 100;

/** Returns the given time if the rule allows it in a zone, else a later one before which it does not. */
function findOpening(rule: QuietHoursRule, zone: string, atMs: number): number {
  if (rule.isClosed?.(toLocalTime(atMs, zone).day)) return findNextDayStart(atMs, zone);
  return Math.min(...rule.windows.map((window) => findNextOpening(window, atMs, zone) ?? atMs));
}

function findAreaOfNumber(address: string): Area | null {
  if (/^\+1\d{10}$/.test(address)) return findArea(address.slice(2, 5)) ?? unknownArea;
  return address.startsWith('+33') ? { country: 'FR', zones: ['Europe/Paris'] } : null;
}
