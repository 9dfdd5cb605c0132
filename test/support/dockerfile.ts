import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';

export interface Instruction {
  name: string;
  text: string;
}

/** One `FROM` and what follows. */
export interface Stage {
  name: string;
  from: string;
  instructions: Instruction[];
}

/** What an image that was built in a folder runs. */
export interface BuiltImage {
  /** Stands for the root of the image's file system. */
  folder: string;
  workFolder: string;
  user: string;
  environment: Record<string, string>;
  command: string[];
  healthCheck: string[];
}

/** Reads a Dockerfile into its stages. Continued lines and comments as Docker reads them; of its instructions, those that ours has. */
export function parseDockerfile(text: string): Stage[] {
  const lines = text.replaceAll(/\\\n/g, ' ').split('\n');
  const instructions = lines
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
    .map((line) => ({ name: line.split(/\s+/, 1)[0] ?? '', text: line.replace(/^\S+\s+/, '') }));
  const stages: Stage[] = [];
  for (const instruction of instructions) {
    if (instruction.name === 'FROM') {
      const [from = '', , name = ''] = instruction.text.split(/\s+/);
      stages.push({ from, name, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

/** Lists what `.dockerignore` lets into the build, as paths below `root`. Knows plain paths and `*`, which is all that ours has. */
export function listBuildContext(root: string, ignoreFile: string): string[] {
  const rules = ignoreFile.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const isIgnored = (path: string) =>
    rules.reduce((ignored, rule) => {
      const pattern = rule.replace(/^!/, '');
      const matches = pattern === '*' || path === pattern || path.startsWith(`${pattern}/`);
      return matches ? !rule.startsWith('!') : ignored;
    }, false);
  const isWanted = (path: string) => rules.some((rule) => rule.startsWith('!') && rule.slice(1).split('/')[0] === path);
  return readdirSync(root)
    .filter(isWanted)
    .flatMap((entry) =>
      statSync(join(root, entry)).isDirectory()
        ? readdirSync(join(root, entry), { recursive: true, encoding: 'utf8' }).map((file) => join(entry, file))
        : [entry],
    )
    .filter((path) => statSync(join(root, path)).isFile() && !isIgnored(path));
}

/**
 * Runs the steps of a Dockerfile without a container engine: each stage in a folder of its own, which stands for its root.
 *
 * @param uid user in whose name the steps run that the image's user runs; undefined: all as the test's own
 */
export function buildImage(root: string, folder: string, uid: number | undefined): BuiltImage {
  const context = join(folder, 'context');
  for (const path of listBuildContext(root, readFileSync(join(root, '.dockerignore'), 'utf8'))) {
    mkdirSync(dirname(join(context, path)), { recursive: true });
    cpSync(join(root, path), join(context, path));
  }
  const images = new Map<string, BuiltImage>();
  let built: BuiltImage | undefined;
  for (const [index, stage] of parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8')).entries()) {
    built = startStage(join(folder, `stage-${index}`), images.get(stage.from));
    for (const instruction of stage.instructions) runInstruction(built, instruction, { context, images, uid });
    images.set(stage.name, built);
  }
  if (!built) throw new Error('The Dockerfile has no stage.');
  return built;
}

function startStage(folder: string, base: BuiltImage | undefined): BuiltImage {
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  chmodSync(join(folder, 'tmp'), 0o777);
  if (!base) return { folder, workFolder: '/', user: 'root', environment: {}, command: [], healthCheck: [] };
  link(`${base.folder}/.`, folder);
  return { ...base, environment: { ...base.environment }, folder };
}

interface BuildSources {
  context: string;
  images: ReadonlyMap<string, BuiltImage>;
  uid: number | undefined;
}

function runInstruction(image: BuiltImage, { name, text }: Instruction, sources: BuildSources): void {
  const inImage = (path: string) => join(image.folder, resolve(image.workFolder, path));
  if (name === 'WORKDIR') {
    image.workFolder = text;
    mkdirSync(inImage('.'), { recursive: true });
  } else if (name === 'ENV') {
    const [key = '', value = ''] = text.split('=', 2);
    image.environment[key] = value;
  } else if (name === 'USER') image.user = text;
  else if (name === 'COPY') copy(text.split(/\s+/), sources, inImage);
  else if (name === 'RUN') run(image, text, sources.uid);
  else if (name === 'CMD') image.command = JSON.parse(text) as string[];
  else if (name === 'HEALTHCHECK') image.healthCheck = JSON.parse(text.replace(/^.*? CMD /, '')) as string[];
  else if (!['VOLUME', 'EXPOSE', 'STOPSIGNAL', 'ARG'].includes(name)) throw new Error(`Unknown instruction: ${name} ${text}`);
}

function copy(words: string[], { context, images }: BuildSources, inImage: (path: string) => string): void {
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  const target = paths.pop() ?? '';
  const source = from === undefined ? context : images.get(from)?.folder;
  if (source === undefined) throw new Error(`No stage ${from}.`);
  for (const path of paths) {
    const isFolder = statSync(join(source, path)).isDirectory();
    const to = isFolder || !target.endsWith('/') ? inImage(target) : join(inImage(target), path.split('/').at(-1) ?? '');
    mkdirSync(isFolder ? to : dirname(to), { recursive: true });
    link(isFolder ? `${join(source, path)}/.` : join(source, path), to);
  }
}

/** Copies by hard links: the packages alone are 200 MB, and there are several stages of them. No step changes a file that it copied. */
function link(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-al', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cp ${from} ${to} failed: ${stderr}`);
}

/** Runs a command in the stage's folder. `chown` is left to the caller: the image's user need not exist here. */
function run(image: BuiltImage, text: string, uid: number | undefined): void {
  const root = image.folder;
  const command = text
    .split(' && ')
    .filter((part) => !part.startsWith('chown '))
    .join(' && ')
    .replaceAll(/ (\/\w)/g, ` ${root}$1`);
  const user = image.user === 'root' || uid === undefined ? {} : { uid, gid: uid };
  const { status, stderr, stdout } = spawnSync('sh', ['-ec', command], {
    cwd: join(root, image.workFolder),
    env: {
      ...toRealPaths(image),
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
      HOME: image.user === 'root' ? (process.env.HOME ?? '') : join(root, 'tmp'),
      TMPDIR: join(root, 'tmp'),
    },
    encoding: 'utf8',
    ...user,
  });
  if (status !== 0) throw new Error(`RUN ${command} failed:\n${stdout}${stderr}`);
}

/** Returns the image's environment, absolute paths below the folder that stands for its root. */
export function toRealPaths(image: BuiltImage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(image.environment).map(([name, value]) => [name, value.startsWith('/') ? join(image.folder, value) : value]),
  );
}

/** Takes the right to write from all files of the image but those in `writable`, which belong to `uid` alone. */
export function makeReadOnly(image: BuiltImage, writable: readonly string[], uid: number | undefined): void {
  const isWritable = (path: string) => writable.some((one) => path === one.slice(1) || path.startsWith(`${one.slice(1)}/`));
  for (const path of ['.', ...readdirSync(image.folder, { recursive: true, encoding: 'utf8' })]) {
    const full = join(image.folder, path);
    if (!existsSync(full) || isWritable(relative(image.folder, full))) continue;
    const { mode } = statSync(full);
    chmodSync(full, mode & 0o555);
  }
  for (const path of writable) if (uid !== undefined) chownSync(join(image.folder, path), uid, uid);
}
