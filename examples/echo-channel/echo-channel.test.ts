import { testChannelContract } from '../../test/channels/contract.ts';
import { startEchoVendor } from './echo-vendor.ts';

testChannelContract('echo', startEchoVendor);
