// Prints the SQL that takes a database from prisma/migrations to prisma/schema.prisma. Prisma's own schema engine runs as WASM on the
// embedded PostgreSQL, so that no engine must be downloaded.
//
//   node scripts/schema-diff.mjs            prints the SQL; exit code 2 when there is any
//   node scripts/schema-diff.mjs add_notes  writes it as the migration <time>_add_notes
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { bindSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';

const prisma = fileURLToPath(new URL('../prisma', import.meta.url));

/** Returns the SQL between the migrations in `folder` and the schema in `text`; empty when they agree. */
async function diffSchema(text = readFileSync(join(prisma, 'schema.prisma'), 'utf8'), folder = join(prisma, 'migrations')) {
  const database = await PGlite.create();
  try {
    for (const name of readdirSync(folder).sort()) {
      const file = join(folder, name, 'migration.sql');
      if (existsSync(file)) await database.exec(readFileSync(file, 'utf8'));
    }
    const factory = new PrismaPGlite(database);
    factory.connectToShadowDb ??= async () => new PrismaPGlite(await PGlite.create()).connect();
    const { SchemaEngine } = await loadEngine();
    const engine = await SchemaEngine.new({ datamodels: [['schema.prisma', text]] }, () => {}, bindSqlAdapterFactory(factory));
    const files = [{ path: 'schema.prisma', content: text }];
    const result = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '.' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      shadowDatabaseUrl: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return result.exitCode ? result.stdout : '';
  } finally {
    await database.close();
  }
}

async function loadEngine() {
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
  const engine = await import(join(folder, 'schema_engine_bg.js'));
  const { instance } = await WebAssembly.instantiate(readFileSync(join(folder, 'schema_engine_bg.wasm')), {
    './schema_engine_bg.js': engine,
  });
  engine.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  return engine;
}

const sql = await diffSchema();
const [name] = process.argv.slice(2);
if (name && sql) {
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = join(prisma, 'migrations', `${time}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'migration.sql'), sql);
  console.log(`Wrote ${folder}`);
} else {
  process.stdout.write(sql);
  process.exit(sql ? 2 : 0);
}
