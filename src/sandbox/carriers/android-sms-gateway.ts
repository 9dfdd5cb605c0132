import type { SandboxPhone } from '../phone.ts';
import type { AndroidState } from '../vendors/android-sms-gateway/state.ts';
import { createAndroidSmsGateway, type SimulatedAndroid } from '../vendors/android-sms-gateway.ts';
import type { CarrierSetup } from './carrier-setup.ts';

/** Android's word for a recipient that no network reaches. */
const unreachable = 'RESULT_ERROR_GENERIC_FAILURE';

/** Connects the contact's phone with a simulated Android phone that runs the SMS gateway. */
export function addAndroidSmsGateway(phone: SandboxPhone, deps: CarrierSetup<AndroidState>): SimulatedAndroid {
  const android = createAndroidSmsGateway({
    ...deps,
    onMessage: ({ id, to: number, text }) =>
      phone.receive({ id, number, text, attachments: [], carrier: 'android_sms_gateway', app: 'SMS' }),
  });
  phone.addCarrier('android_sms_gateway', {
    deliver: ({ id }) => android.deliver(id),
    // SMS has no reports of reading.
    markRead: () => undefined,
    fail: ({ id }) => android.fail(id, unreachable),
    sendReply({ number, text, picture }, { config }) {
      if (config.baseUrl !== deps.getUrl()) return 'This location uses another SMS gateway than the simulated one.';
      const device = android.state.devices.find(({ id }) => id === config.deviceId) ?? android.state.devices[0];
      if (!android.state.webhooks.some(({ event }) => event === 'sms:received'))
        return 'The gateway has no webhook address yet.';
      const media = picture ? [{ data: picture.read(), contentType: picture.contentType, name: `${picture.name}.png` }] : [];
      void android.receive({ from: number, text, media }, device);
      return null;
    },
    setAccountRefused(isRefused) {
      android.state.account.isRefused = isRefused;
      deps.onChange();
    },
    isAccountRefused: () => android.state.account.isRefused,
  });
  return android;
}
