import { testChannelContract } from './contract.ts';
import { startEvolutionVendor } from './evolution-vendor.ts';

testChannelContract('evolution', startEvolutionVendor);
