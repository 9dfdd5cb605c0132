import { testChannelContract } from './contract.ts';
import { startMailgunVendor } from './mailgun-vendor.ts';

testChannelContract('mailgun', startMailgunVendor);
