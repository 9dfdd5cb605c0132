import { testChannelContract } from './contract.ts';
import { startWhatsAppCloudVendor } from './whatsapp-cloud-vendor.ts';

testChannelContract('whatsapp_cloud', startWhatsAppCloudVendor);
