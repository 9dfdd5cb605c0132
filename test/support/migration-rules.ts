/** Tables with a row a message or more: a statement that rewrites or scans them while it holds their lock stops sending for minutes. */
const largeTables = [
  'messages',
  'attempts',
  'receipts',
  'report_attempts',
  'external_ids',
  'attachments',
  'jobs',
  'contact_addresses',
  'vendor_addresses',
  'trigger_events',
  'webhook_events',
  'webhook_attempts',
];

const onLarge = `"?(?:${largeTables.join('|')})"?`;
const alterLarge = `ALTER TABLE (?:ONLY )?(?:IF EXISTS )?${onLarge}\\b[^;]*?`;

/** Statements that hold a lock of a large table for as long as the table is large. */
const longLocks: [RegExp, string][] = [
  [new RegExp(`${alterLarge}ADD COLUMN (?![^,;]*\\bDEFAULT\\b)[^,;]*\\bNOT NULL\\b`, 'i'), 'NOT NULL without a default'],
  [
    new RegExp(`${alterLarge}ADD COLUMN [^,;]*\\bDEFAULT (?!NULL\\b|'[^']*'|-?[\\d.]+|true\\b|false\\b|ARRAY\\[\\])`, 'i'),
    'a default that is computed for each row',
  ],
  [new RegExp(`${alterLarge}ADD COLUMN [^,;]*\\bGENERATED ALWAYS AS\\b`, 'i'), 'a generated column'],
  [new RegExp(`${alterLarge}ALTER COLUMN \\S+ (?:SET DATA )?TYPE\\b`, 'i'), 'another type of a column'],
  [new RegExp(`${alterLarge}ALTER COLUMN \\S+ SET NOT NULL\\b`, 'i'), 'SET NOT NULL, which reads all rows'],
  [new RegExp(`${alterLarge}ADD CONSTRAINT (?![^;]*\\bNOT VALID\\b)`, 'i'), 'a constraint that is not NOT VALID'],
  [new RegExp(`CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\\b)[^;]*? ON (?:ONLY )?${onLarge}\\b`, 'i'), 'an index'],
  [new RegExp(`\\b(?:UPDATE|DELETE FROM) (?:ONLY )?${onLarge}\\b`, 'i'), 'a change of rows'],
  [/\b(?:VACUUM FULL|CLUSTER|REINDEX)\b/i, 'a rewrite of a table'],
];

/** Statements that take away what the programs before use. */
const incompatible: [RegExp, string][] = [
  [/\bDROP (?:TABLE|TYPE|COLUMN|DEFAULT|CONSTRAINT)\b/i, 'a drop'],
  [/\bRENAME\b/i, 'a rename'],
  [/\bADD VALUE\b/i, 'a value of an enum, which older programs can’t read'],
  [/\bALTER COLUMN \S+ (?:SET DATA )?TYPE\b/i, 'another type of a column'],
  [/\bSET NOT NULL\b/i, 'SET NOT NULL: older programs leave the column empty'],
  [/ADD COLUMN (?![^,;]*\bDEFAULT\b)[^,;]*\bNOT NULL\b/i, 'NOT NULL without a default: older programs leave the column empty'],
];

/**
 * Lists what is wrong with a migration.
 *
 * - A statement that locks a large table for long must say why that is bearable, in a line `-- locks <table>: why` of the file.
 * - A migration that is `-- compatible since <name>` with the programs before names an earlier migration. It may only take away what those programs
 *   no longer use, which no rule can see: so a drop, a rename and the like need a line `-- unused since <name>: why`.
 */
export function findMigrationProblems(sql: string, earlier: readonly string[]): string[] {
  const statements = sql
    .replaceAll(/^\s*--.*$/gm, '')
    .split(';')
    .map((statement) => `${statement.replaceAll(/\s+/g, ' ').trim()};`)
    .filter((statement) => statement !== ';');
  const problems: string[] = [];
  for (const statement of statements) {
    for (const [pattern, what] of longLocks) {
      if (!pattern.test(statement)) continue;
      const [table = ''] = new RegExp(`\\b(?:${largeTables.join('|')})\\b`).exec(statement) ?? [];
      if (!new RegExp(`^-- locks ${table}: \\S`, 'm').test(sql)) problems.push(`${what}: ${statement.slice(0, 100)}`);
    }
  }
  const [, since] = /^-- compatible since (\S+)/m.exec(sql) ?? [];
  if (since === undefined) return problems;
  if (!earlier.includes(since)) problems.push(`compatible since ${since}, which is no earlier migration`);
  if (/^-- exclusive\b/m.test(sql)) problems.push('compatible and exclusive');
  if (/^-- unused since \S+: \S/m.test(sql)) return problems;
  for (const statement of statements) {
    const found = incompatible.find(([pattern]) => pattern.test(statement));
    if (found) problems.push(`${found[1]}: ${statement.slice(0, 100)}`);
  }
  return problems;
}
