import express from 'express';
import fc from 'fast-check';
import request from 'supertest';
import { systemClock } from '../../src/core/clock.ts';
import { openClient } from '../../src/database/client.ts';
import { isDataError, isOutOfConnections, isUnavailable } from '../../src/database/errors.ts';
import { AdaptivePool } from '../../src/database/pool.ts';
import { createErrorHandler } from '../../src/http/middleware/errors.ts';
import { createLog } from '../../src/runtime/log.ts';

test('while the database is away, every route responds with 503, the reason and a delay to retry after', async () => {
  // No server listens there.
  const pool = new AdaptivePool({ connectionString: 'postgresql://127.0.0.1:1/none', max: 1 }, systemClock);
  const client = openClient(pool, 'public');
  const app = express();
  app.get('/rows', async () => client.worker.findMany());
  app.get('/sql', async () => client.$queryRaw`SELECT 1`);
  app.get('/transaction', async () => client.$transaction(async (tx) => tx.worker.count()));
  app.use(createErrorHandler(createLog('silent')));
  for (const path of ['/rows', '/sql', '/transaction']) {
    const response = await request(app).get(path).set('accept', 'application/json').expect(503);
    expect(response.body.error.code).toBe('database_unavailable');
    expect(response.headers['retry-after']).toMatch(/^\d+$/);
  }
  await client.$disconnect();
  await pool.end();
});

const raw = (originalCode: string) => ({ code: 'P2010', meta: { driverAdapterError: { cause: { originalCode } } } });

test('every code of the classes 08, 53, 57 and 58, a read-only server, and an aborted transaction is an outage', () => {
  const classes = ['08', '40', '53', '57', '58'];
  const inClass = fc.tuple(fc.constantFrom(...classes), fc.stringMatching(/^[0-9A-Z]{3}$/)).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(inClass, fc.constantFrom('25006', '25P03', '55P03')), (state) => {
      // Prisma has it beside its own code, node-postgres as the code.
      expect([raw(state), { code: state }].map(isUnavailable)).toEqual([true, true]);
      expect(isDataError(raw(state))).toBe(false);
    }),
  );
});

test('a connection that breaks is an outage, the socket of another host is not', () => {
  const socket = { code: 'EHOSTUNREACH', errno: -113, syscall: 'connect' };
  expect(isUnavailable(Object.assign(new Error('connect EHOSTUNREACH'), socket))).toBe(true);
  expect(isUnavailable(Object.assign(new Error('connect EHOSTUNREACH'), socket, { isAxiosError: true }))).toBe(false);
  expect(isUnavailable(new Error('Connection terminated unexpectedly'))).toBe(true);
});

test.each([
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Connection terminated due to connection timeout',
  'Query read timeout',
  'timeout expired',
])('“%s” of node-postgres, which has no code, is an outage, also behind Prisma’s own text', (words) => {
  expect(isUnavailable(new Error(words))).toBe(true);
  expect(isUnavailable(new Error(`\nInvalid \`prisma.worker.count()\` invocation:\n\n\n${words}`))).toBe(true);
  expect(isUnavailable(new Error(`A text that only speaks of it: ${words}`))).toBe(false);
});

test('a defect of ours is no outage', () => {
  expect(['42P01', '23505', '22001', '25001', '25P02', 'XX000', '55000'].map((code) => isUnavailable(raw(code)))).toEqual(
    Array(7).fill(false),
  );
  expect([new Error('oops'), { code: '400' }, undefined, null].map(isUnavailable)).toEqual(Array(4).fill(false));
});

test('a server without a free connection is distinguished from other outages, also behind a pooler', () => {
  expect(isOutOfConnections(raw('53300'))).toBe(true);
  expect(isOutOfConnections(Object.assign(new Error('no more connections allowed (max_client_conn)'), { code: '08P01' }))).toBe(
    true,
  );
  expect([raw('57P03'), raw('08006'), undefined].map(isOutOfConnections)).toEqual([false, false, false]);
});
