import { isPrivateHost } from '../../runtime/outbound-http.ts';

/**
 * Returns whether a vendor can call an address: it needs a public host. A simulator at another base URL can call any.
 *
 * @param vendorDomain domain of the vendor's own API
 */
export function isCallable(webhookUrl: string, baseUrl: string, vendorDomain: string): boolean {
  const { hostname } = new URL(webhookUrl);
  if (!new URL(baseUrl).hostname.endsWith(`.${vendorDomain}`)) return true;
  return hostname.includes('.') && !hostname.endsWith('.localhost') && !isPrivateHost(hostname);
}
