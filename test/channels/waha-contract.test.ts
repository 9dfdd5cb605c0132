import { testChannelContract } from './contract.ts';
import { startWahaVendor } from './waha-vendor.ts';

testChannelContract('waha', startWahaVendor);
