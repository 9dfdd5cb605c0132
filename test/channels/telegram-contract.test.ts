import { testChannelContract } from './contract.ts';
import { startTelegramVendor } from './telegram-vendor.ts';

testChannelContract('telegram', startTelegramVendor);
