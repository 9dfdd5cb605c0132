import { type AlertKind, alertKinds } from '../../src/alerts/alert.ts';
import { assessHealth } from '../../src/alerts/health.ts';

const of = (alerts: AlertKind[], more: Partial<Parameters<typeof assessHealth>[0]> = {}) =>
  assessHealth({ status: 'active', channelCount: 1, alerts, ...more });

test('health is good without an open alert, with an active status and a channel', () => {
  expect(of([])).toEqual({ kind: 'good', issue: null });
  expect(of([], { channelCount: 0 })).toEqual({ kind: 'attention', issue: 'no_channel' });
  expect(of([], { status: 'suspended' })).toEqual({ kind: 'attention', issue: 'suspended' });
  expect(of(['location_silent'], { status: 'reauth_required' })).toEqual({ kind: 'attention', issue: 'reauth_required' });
});

test('health is not good with any open alert; silence is the least severe', () => {
  // The status is current, while the alert resolves up to a minute later.
  for (const kind of alertKinds.filter((one) => one !== 'reauth_required')) {
    expect(of([kind])).toEqual({ kind: kind === 'location_silent' ? 'silent' : 'attention', issue: kind });
  }
  expect(of(['location_silent', 'channel_failing'])).toEqual({ kind: 'attention', issue: 'channel_failing' });
});
