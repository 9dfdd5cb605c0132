import { testChannelContract } from './contract.ts';
import { startSmppVendor } from './smpp-vendor.ts';

testChannelContract('smpp', startSmppVendor);
