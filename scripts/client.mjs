// Writes the types of the TypeScript client, clients/typescript/api.ts, from the API's description.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildClientTypes } from '../src/http/api/client-types.ts';
import { buildOpenApiDocument } from '../src/http/api/openapi.ts';
import { listApiRoutes } from '../src/http/api/router.ts';

// Creating the routes uses no dependency.
const absent = new Proxy({}, { get: () => absent });
const file = resolve(import.meta.dirname, '../clients/typescript/api.ts');
writeFileSync(file, buildClientTypes(buildOpenApiDocument(listApiRoutes(absent), '')));
console.log(file);
