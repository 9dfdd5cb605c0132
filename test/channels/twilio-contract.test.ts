import { testChannelContract } from './contract.ts';
import { startTwilioVendor } from './twilio-vendor.ts';

testChannelContract('twilio', startTwilioVendor);
