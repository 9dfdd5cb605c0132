const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Lists the host names under which a browser may request a program on a developer's machine. A page of another site whose own name resolves
 * to this machine (DNS rebinding) requests that name.
 *
 * @param appUrl the address that the operator has set
 */
export function listDevelopmentHosts(appUrl: string): ReadonlySet<string> {
  return new Set([...loopbackNames, new URL(appUrl).hostname]);
}

/** Returns whether a request's `Host` header, with or without a port, names one of the hosts. */
export function isAllowedHost(hosts: ReadonlySet<string>, header: string | undefined): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d+)?$/i.exec(header ?? '')?.[1];
  return name !== undefined && hosts.has(name.toLowerCase());
}
