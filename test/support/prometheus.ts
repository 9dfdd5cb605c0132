import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { createTemporaryFolder, findFreePorts, pollUntil } from './program.ts';

export const isPrometheusInstalled = spawnSync('prometheus', ['--version']).status === 0;

const responseSchema = z.looseObject({ status: z.string(), error: z.string().optional(), data: z.unknown() });

/** Starts a Prometheus that collects the metrics of `targets` every second and evaluates the rules of a file. */
export async function startPrometheus({ targets, token, rulesFile }: { targets: string[]; token: string; rulesFile: string }) {
  const folder = createTemporaryFolder();
  const port = await findFreePorts();
  const url = `http://127.0.0.1:${port}`;
  const configFile = join(folder.path, 'prometheus.yml');
  // JSON is YAML.
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [rulesFile],
    scrape_configs: [{ job_name: 'patchbay', authorization: { credentials: token }, static_configs: [{ targets }] }],
  };
  writeFileSync(configFile, JSON.stringify(config));
  const args = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${join(folder.path, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk) => (output += chunk));
  const ended = once(child, 'close');

  async function request(path: string, parameters: Record<string, string> = {}): Promise<unknown> {
    const response = await fetch(`${url}${path}?${new URLSearchParams(parameters)}`);
    const { status, error, data } = responseSchema.parse(await response.json());
    if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  }

  await pollUntil(async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus did not start:\n${output}`);
    return (await fetch(`${url}/-/ready`).catch(() => null))?.status === 200;
  }, 'Prometheus is ready');
  return {
    request,
    /** Evaluates an expression. @returns the values of its series */
    async query(expression: string): Promise<number[]> {
      const { result } = z
        .looseObject({ result: z.array(z.looseObject({ value: z.tuple([z.number(), z.string()]) })) })
        .parse(await request('/api/v1/query', { query: expression }));
      return result.map(({ value }) => Number(value[1]));
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      folder[Symbol.dispose]();
    },
  };
}
