import fc from 'fast-check';
import { readUserContext, type UserContext } from '../../src/highlevel/user-context.ts';
import { createUserContext, encryptText } from '../../src/sandbox/highlevel/user-context.ts';

const secret = 'secret-of-the-test';
const own = { companyId: 'OwnCompany0000000001', userId: 'OwnUser0000000000001', activeLocation: 'OwnLocation000000001' };
const victim = 'VictimCompany0000001';

function read(text: Buffer | string): UserContext | null {
  const encrypted = encryptText(Buffer.from(text), secret, (length) => Buffer.alloc(length, 7));
  try {
    return readUserContext(encrypted, [secret]);
  } catch (error) {
    expect(error).toMatchObject({ code: 'context_invalid' });
    return null;
  }
}

/** Simulates what CBC lets an attacker do who knows a context's text: 16 bytes are chosen, the 16 before are lost. */
function rewritten(text: Buffer, block: number, lost: Buffer, chosen: Buffer): Buffer {
  const changed = Buffer.from(text);
  lost.copy(changed, (block - 1) * 16, 0, 16);
  chosen.copy(changed, block * 16, 0, Math.min(16, text.length - block * 16));
  return changed;
}

/** The lost block at its luckiest for the forger: letters of all kinds without quotes and controls, as one in some hundred thousand is. */
const luckyLoss = fc
  .array(fc.constantFrom(...'ABab09_- ~é€{}[]:,'), { minLength: 15, maxLength: 15 })
  .map((letters) => Buffer.from(`~${letters.join('')}`).subarray(0, 16))
  .filter((bytes) => !bytes.toString('utf8').includes('\ufffd'));
const loss = fc.oneof({ weight: 9, arbitrary: luckyLoss }, fc.uint8Array({ minLength: 16, maxLength: 16 }).map(Buffer.from));

const fragments = [
  `xxxxxxxxxxxxxxx","companyId":"${victim}","email":"xxxxxxxxxxxxxxx`,
  'xxxxxxxxxxxxxxx","role":"admin","type":"agency","email":"xxxxxxx',
  'xxxxxxxxxxxxxxx","type":"agency","userId":"VictimUser0000000001"',
  'xxxxxxxxxxxxxxx","activeLocation":"VictimLocation000001","x":"xx',
  'xxxxxxxxxxxxxxx"},"role":"admin","x":{"y":"xxxxxxxxxxxxxxxxxxxxx',
];
const chosen = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom(...fragments), fc.nat(47))
      .map(([fragment, at]) => Buffer.from(fragment.slice(at, at + 16))),
  },
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(Buffer.from),
);
const contexts = fc.record({
  role: fc.constantFrom('user', 'admin'),
  type: fc.constantFrom('agency', 'account'),
  isAgency: fc.boolean(),
  userName: fc.oneof(
    fc.constantFrom(victim.slice(1), 'x'.repeat(60), `${'y'.repeat(32)}${victim.slice(1)}`),
    fc.string({ maxLength: 60 }),
  ),
  email: fc.constantFrom('own@example.com', `${victim.slice(1)}@example.com`),
  isAgencyOwner: fc.boolean(),
});

test('no rewritten block of a context gives another company, location, user, role or kind', () => {
  let taken = 0;
  fc.assert(
    fc.property(contexts, fc.nat(), loss, chosen, ({ isAgency, ...more }, at, lost, bytes) => {
      const { activeLocation, ...ids } = own;
      const given = createUserContext({ ...ids, ...(isAgency ? {} : { activeLocation }), ...more });
      const text = Buffer.from(JSON.stringify(given));
      const block = 1 + (at % (Math.ceil(text.length / 16) - 1));
      const forged = read(rewritten(text, block, lost, bytes));
      if (!forged) return;
      taken += 1;
      const { companyId, userId, locationId, role, type } = forged;
      const { role: ownRole, type: ownType } = given;
      expect({ companyId, userId, locationId, role, type }).toEqual({
        companyId: own.companyId,
        userId: own.userId,
        locationId: isAgency ? null : activeLocation,
        role: ownRole,
        type: ownType,
      });
    }),
    { numRuns: 4_000, seed: 20261127 },
  );
  // Some must pass, or the test proves no promise.
  expect(taken).toBeGreaterThan(50);
});

test('the forgery of another agency, a field closed within the name and given again, is refused', () => {
  const { activeLocation: _, ...ids } = own;
  const context = createUserContext({ ...ids, userName: `${'n'.repeat(40)}${victim.slice(1)}` });
  const text = JSON.stringify(context);
  expect(read(text)).toMatchObject({ companyId: own.companyId });
  const forged = text.replace('n'.repeat(16), '","companyId":"V').replace(/n+(?=ictim)/, '');
  expect(JSON.parse(forged)).toMatchObject({ companyId: victim });
  expect(read(forged)).toBeNull();
});

test.each([
  ['a key twice', (text: string) => text.replace('{', '{"role":"user",')],
  ['blanks', (text: string) => text.replace(',', ', ')],
  ['a line end', (text: string) => `${text}\n`],
  ['a byte order mark', (text: string) => `\ufeff${text}`],
  ['a letter written as a number', (text: string) => text.replace('admin', '\\u0061dmin')],
  ['a number written in another way', (text: string) => text.replace(/}$/, ',"n":1.0}')],
  ['what decides after a free text', (text: string) => text.replace('"role":"admin",', '').replace(/}$/, ',"role":"admin"}')],
  ['a list', (text: string) => `[${text}]`],
])('a context with %s is refused', (_name, change) => {
  const text = JSON.stringify(createUserContext(own));
  expect(read(text)).toMatchObject({ role: 'admin' });
  expect(read(change(text))).toBeNull();
});

test('an empty active location is an agency’s context, one that is no id is no context', () => {
  const { activeLocation: _, ...ids } = own;
  const withLocation = (value: unknown) => {
    const { userId, companyId, role, type, ...rest } = createUserContext(ids);
    return read(JSON.stringify({ userId, companyId, role, type, activeLocation: value, ...rest }));
  };
  for (const empty of ['', null]) expect(withLocation(empty)).toMatchObject({ locationId: null });
  for (const wrong of [{}, [], { $ne: null }, 0, false, ' ', 'a b', '..']) expect(withLocation(wrong)).toBeNull();
});
