import { startAndroidVendor } from './android-vendor.ts';
import { testChannelContract } from './contract.ts';

testChannelContract('android_sms_gateway', startAndroidVendor);
