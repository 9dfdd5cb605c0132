import { testChannelContract } from './contract.ts';
import { startTelnyxVendor } from './telnyx-vendor.ts';

testChannelContract('telnyx', startTelnyxVendor);
