import { testChannelContract } from './contract.ts';
import { startResendVendor } from './resend-vendor.ts';

testChannelContract('resend', startResendVendor);
