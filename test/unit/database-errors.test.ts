import { isInvalidValue, isUnavailable } from '../../src/database/errors.ts';

test.each([
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '08P01',
  '25006',
  '25P03',
  '40001',
  '40P01',
  '53000',
  '53100',
  '53200',
  '53300',
  '53400',
  '55P03',
  '57000',
  '57014',
  '57P01',
  '57P02',
  '57P03',
  '57P04',
  '57P05',
  '58000',
  '58030',
  '58P01',
])('SQLSTATE %s is an outage: the statement would succeed later', (code) => {
  expect(isUnavailable({ code })).toBe(true);
  expect(isUnavailable({ code: 'P2010', meta: { driverAdapterError: { cause: { originalCode: code } } } })).toBe(true);
});

test('an error of the adapter that a transaction passes on as it is counts by its SQLSTATE', () => {
  const crashed = Object.assign(new Error('server conn crashed?'), {
    name: 'DriverAdapterError',
    cause: { originalCode: '08P01' },
  });
  expect(isUnavailable(crashed)).toBe(true);
  expect(isInvalidValue(Object.assign(crashed, { cause: { originalCode: '22001' } }))).toBe(true);
});

test.each(['22001', '22021', '23505', '42601', '42P01', '54000', ''])('SQLSTATE %s is not an outage', (code) => {
  expect(isUnavailable({ code })).toBe(false);
});

test('values that can’t be stored have codes of the classes 22 and 54', () => {
  expect(['22001', '22021', '54000', '54001'].every((code) => isInvalidValue({ code }))).toBe(true);
  expect(['08006', '23505'].some((code) => isInvalidValue({ code }))).toBe(false);
});
