import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { settingsSchema } from '../../src/config/schema.ts';
import { listBuildContext, parseDockerfile } from '../support/dockerfile.ts';
import { parseYaml } from '../support/yaml.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  scripts: Record<string, string>;
};
const settingNames = new Set(Object.keys(settingsSchema.shape));
/** Known to Node itself. */
const isSetting = (name: string) => settingNames.has(name) || name === 'NODE_COMPILE_CACHE';

const stages = parseDockerfile(read('Dockerfile'));
const steps = stages.flatMap(({ instructions }) => instructions);
const lastStage = stages.at(-1)?.instructions ?? [];
const find = (name: string) => lastStage.filter((instruction) => instruction.name === name).map(({ text }) => text);

/** Seconds that the program may take to stop, as main.ts says. */
const stopSeconds =
  [...read('src/main.ts').matchAll(/^const (?:stopTimeoutMs|storeResponsesTimeoutMs) = ([\d_]+);/gm)]
    .map((match) => Number(match[1]?.replaceAll('_', '')))
    .reduce((sum, ms) => sum + ms, 0) / 1000;

const service = z.looseObject({
  image: z.string(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])),
  restart: z.literal('unless-stopped'),
  volumes: z.array(z.string()),
});
const programService = service.extend({
  env_file: z.literal('.env'),
  read_only: z.literal(true),
  tmpfs: z.literal('/tmp'),
  stop_grace_period: z.string(),
});
const probe = z.looseObject({ httpGet: z.object({ path: z.string(), port: z.literal('http') }) });
const deployment = z.looseObject({
  kind: z.literal('Deployment'),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.literal(1000) }),
        containers: z.tuple([
          z.looseObject({
            env: z.array(z.object({ name: z.string(), value: z.string() })),
            envFrom: z.tuple([
              z.object({ configMapRef: z.object({ name: z.string() }) }),
              z.object({ secretRef: z.object({ name: z.string() }) }),
            ]),
            ports: z.tuple([z.object({ name: z.literal('http'), containerPort: z.number() })]),
            startupProbe: probe,
            livenessProbe: probe,
            readinessProbe: probe,
            lifecycle: z
              .object({ preStop: z.object({ exec: z.object({ command: z.tuple([z.literal('sleep'), z.string()]) }) }) })
              .optional(),
            securityContext: z.looseObject({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
            }),
            volumeMounts: z.array(z.looseObject({ mountPath: z.string() })),
          }),
        ]),
      }),
    }),
  }),
});

const kubernetesFiles = readdirSync(join(root, 'deploy/kubernetes')).filter((file) => file.endsWith('.yaml'));
const resources = kubernetesFiles.flatMap((file) => parseYaml(read(`deploy/kubernetes/${file}`))) as {
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
  data?: Record<string, string>;
}[];
const ofKind = (kind: string) => resources.filter((resource) => resource.kind === kind);
const deployments = ofKind('Deployment').map((resource) => deployment.parse(resource));

test('all that the program imports at run time is a dependency, none a development package', () => {
  const importPattern =
    /^(?:import|export)\s+(?!type\b)[^;]*?from '([^'.][^']*)'|^import '([^'.][^']*)'|import\('([^'.][^']*)'\)/gm;
  const names = ['src', 'prisma/generated']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [...read(path).matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? ''))
    .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
  expect(names).toContain('express');
  expect([...new Set(names)].filter((name) => !(name in manifest.dependencies))).toEqual([]);
});

test('the image is built in stages on the Node that the project pins, and only from what .dockerignore lets in', () => {
  expect(read('Dockerfile')).toContain(`ARG NODE_VERSION=${manifest.optionalDependencies.node?.slice(1)}`);
  const base = `node:\${NODE_VERSION}-slim`;
  expect(stages[0]?.from).toBe(base);
  const known = new Set([base, ...stages.map(({ name }) => name)]);
  expect(stages.filter(({ from }) => !known.has(from))).toEqual([]);

  const context = listBuildContext(root, read('.dockerignore'));
  expect(context.filter((path) => /(^|\/)(\.env|data|node_modules|\.git|test)(\/|$)/.test(path))).toEqual([]);
  const copied = steps
    .filter(({ name, text }) => name === 'COPY' && !text.includes('--from='))
    .flatMap(({ text }) => text.split(' ').slice(0, -1));
  const missing = copied.filter((path) => !context.some((file) => file === path || file.startsWith(`${path}/`)));
  expect(missing).toEqual([]);
});

test('the image runs without root, without curl, without development packages, and starts as npm start does', () => {
  const installs = steps.filter(({ text }) => text.startsWith('npm ci'));
  expect(installs.filter(({ text }) => !text.includes('--ignore-scripts'))).toEqual([]);
  const lastUser = lastStage.map(({ name }) => name).lastIndexOf('USER');
  expect(lastStage[lastUser]?.text).toBe('node');
  expect(lastStage.slice(lastUser).filter(({ name }) => ['COPY', 'RUN', 'ADD'].includes(name))).toEqual([]);
  const fromDevelopment = lastStage.concat(stages.find(({ name }) => name === 'program')?.instructions ?? []);
  expect(fromDevelopment.filter(({ text }) => /--from=client (?!\/app\/prisma\/generated )/.test(text))).toEqual([]);

  const command = JSON.parse(find('CMD')[0] ?? '[]') as string[];
  expect(manifest.scripts.start).toContain(command.join(' '));
  expect(find('HEALTHCHECK')[0]).toContain('CMD ["node", "scripts/health-check.mjs"]');
  expect(find('ENV').map((text) => text.split('=')[0])).toEqual(expect.arrayContaining(['DATA_DIR', 'PORT']));
  const unknown = steps.filter(({ name, text }) => name === 'ENV' && !isSetting(text.split('=')[0] ?? ''));
  expect(unknown).toEqual([]);
});

test('compose.yaml sets only settings that exist, and gives each process time to stop', () => {
  const [compose] = parseYaml(read('compose.yaml')) as [{ services: Record<string, unknown>; volumes: Record<string, null> }];
  expect(Object.keys(compose.services)).toEqual(['web', 'worker', 'postgres', 'proxy']);
  const roles = (['web', 'worker'] as const).map((name) => {
    const { environment, stop_grace_period, volumes } = programService.parse(compose.services[name]);
    expect(Object.keys(environment).filter((key) => !isSetting(key))).toEqual([]);
    expect(Number.parseInt(stop_grace_period, 10)).toBeGreaterThan(stopSeconds);
    expect(volumes).toContain(`data:${environment.DATA_DIR}`);
    return environment.ROLE;
  });
  expect(roles).toEqual(['web', 'worker']);
  expect(service.parse(compose.services.postgres).image).toBe('postgres:17');
  const port = programService.parse(compose.services.web).environment.PORT;
  expect(read('deploy/Caddyfile')).toContain(`reverse_proxy web:${port}`);
  const named = Object.values(compose.services).flatMap(
    (one) => service.parse({ environment: {}, image: 'built', ...(one as object) }).volumes,
  );
  const unknown = named
    .map((volume) => volume.split(':')[0] ?? '')
    .filter((volume) => !volume.startsWith('.') && !(volume in compose.volumes));
  expect(unknown).toEqual([]);
});

test('the Kubernetes example probes routes that exist, drains, and takes secrets by reference', () => {
  expect(deployments.map(({ metadata }) => metadata.name)).toEqual(['patchbay-web', 'patchbay-worker']);
  const health = read('src/http/health.ts');
  for (const { spec } of deployments) {
    const { spec: pod, metadata } = spec.template;
    const [container] = pod.containers;
    expect(metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(container.env.map(({ name }) => name).filter((name) => !isSetting(name))).toEqual([]);
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      expect(health).toContain(`router.get('${httpGet.path}'`);
    }
    const preStopSeconds = Number(container.lifecycle?.preStop.exec.command[1] ?? 0);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(stopSeconds + preStopSeconds);
    expect(`PORT=${container.ports[0].containerPort}`).toBe(find('ENV').find((text) => text.startsWith('PORT=')));
    expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(['/data', '/tmp']);
    expect(ofKind('ConfigMap').map(({ metadata }) => metadata.name)).toContain(container.envFrom[0].configMapRef.name);
  }
  const budgets = ofKind('PodDisruptionBudget').map(({ spec }) => spec.selector);
  expect(budgets).toEqual(deployments.map(({ spec }) => spec.selector));
  expect(ofKind('Secret')).toEqual([]);
});

test('the settings of the Kubernetes example exist', () => {
  const inMap = ofKind('ConfigMap').flatMap(({ data }) => Object.keys(data ?? {}));
  const inSecret = [...read('deploy/kubernetes/config.yaml').matchAll(/--from-literal=([A-Z0-9_]+)=/g)].map(
    (match) => match[1] ?? '',
  );
  expect(inSecret).toContain('ENCRYPTION_KEYS');
  expect([...inMap, ...inSecret].filter((name) => !isSetting(name))).toEqual([]);
});
