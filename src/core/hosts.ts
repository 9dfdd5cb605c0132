const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Names the hosts under which a program on a developer's machine is asked for. A page of another site that has its own name lead to this
 * machine (DNS rebinding) asks for that name.
 *
 * @param appUrl the address that the operator has set
 */
export function listDevelopmentHosts(appUrl: string): ReadonlySet<string> {
  return new Set([...loopbackNames, new URL(appUrl).hostname]);
}

/** Whether a request's `Host` header, with or without a port, names one of the hosts. */
export function isAllowedHost(hosts: ReadonlySet<string>, header: string | undefined): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d+)?$/i.exec(header ?? '')?.[1];
  return name !== undefined && hosts.has(name.toLowerCase());
}
