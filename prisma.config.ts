import { defineConfig } from 'prisma/config';

// `prisma generate` asks for a schema engine that it does not use. Naming any file keeps it from downloading one.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Read from the environment by Prisma's own commands (`migrate status`, `migrate deploy`); the app opens its database itself.
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
