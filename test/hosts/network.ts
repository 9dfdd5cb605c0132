import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A host of a test's own: a network namespace with one address. */
export interface Host {
  readonly name: string;
  readonly address: string;
  /** The start of a command that runs on this host. */
  readonly prefix: readonly string[];
}

/** A switch that the hosts are plugged into. The machine itself is plugged in, too: the simulators run there. */
export interface Network {
  /** Address of the machine itself. */
  readonly address: string;
  addHost(name: string): Promise<Host>;
  /** Pulls a host's cable: packets vanish, connections hang, and no process learns of it. */
  cut(host: Host): Promise<void>;
  reconnect(host: Host): Promise<void>;
  /** Lets the packets between two hosts vanish; both still reach the others. */
  block(one: Host, other: Host): Promise<void>;
  unblock(one: Host, other: Host): Promise<void>;
  close(): Promise<void>;
}

/** All names begin so: what an interrupted run has left is found by it. */
const prefix = 'pbtest-';
const bridge = `${prefix}switch`;
const subnet = '10.213.77';
/** No host has it. */
const nowhere = '02:00:00:00:00:fe';

/** Returns whether this machine lets its user make network namespaces: root with iproute2 on Linux. */
export function canMakeHosts(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('ip', ['netns', 'add', `${prefix}check`], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', `${prefix}check`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts an empty network, and removes what an interrupted run has left. */
export async function startNetwork(): Promise<Network> {
  removeAll();
  process.once('exit', removeAll);
  // Without an address of its own a bridge takes that of a port, and changes it when that port goes.
  await ip('link', 'add', bridge, 'address', toMac(1), 'type', 'bridge');
  await ip('address', 'add', `${subnet}.1/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  const hosts: Host[] = [];

  async function addHost(name: string): Promise<Host> {
    const index = 11 + hosts.length;
    const namespace = `${prefix}${name}`;
    const address = `${subnet}.${index}`;
    const host = { name, address, prefix: ['ip', 'netns', 'exec', namespace] };
    await ip('netns', 'add', namespace);
    await ip('link', 'add', toPort(host), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await ip('-n', namespace, 'link', 'set', 'eth0', 'address', toMac(index));
    await ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) await ip('-n', namespace, 'link', 'set', device, 'up');
    await ip('link', 'set', toPort(host), 'master', bridge, 'up');
    hosts.push(host);
    // A neighbour that no longer responds to ARP would be reported as unreachable; across a router packets only vanish.
    for (const other of hosts) await learn(host, other, toMac);
    await ip('neigh', 'replace', address, 'lladdr', toMac(index), 'dev', bridge, 'nud', 'permanent');
    await ip('-n', namespace, 'neigh', 'replace', `${subnet}.1`, 'lladdr', toMac(1), 'dev', 'eth0', 'nud', 'permanent');
    return host;
  }

  async function learn(one: Host, other: Host, toAddress: (index: number) => string): Promise<void> {
    if (one.name === other.name) return;
    for (const [from, to] of [[one, other] as const, [other, one] as const]) {
      const mac = toAddress(Number(to.address.split('.')[3]));
      await ip('-n', `${prefix}${from.name}`, 'neigh', 'replace', to.address, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent');
    }
  }

  return {
    address: `${subnet}.1`,
    addHost,
    cut: (host) => ip('link', 'set', toPort(host), 'nomaster'),
    reconnect: (host) => ip('link', 'set', toPort(host), 'master', bridge),
    block: (one, other) => learn(one, other, () => nowhere),
    unblock: (one, other) => learn(one, other, toMac),
    async close() {
      process.off('exit', removeAll);
      removeAll();
    },
  };
}

const toMac = (index: number) => `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`;

/** The name of a host's port of the switch; at most 15 characters. */
const toPort = ({ name }: Pick<Host, 'name'>) => `${prefix}${name}`.slice(0, 15);

async function ip(...args: string[]): Promise<void> {
  await run('ip', args);
}

/** Removes all hosts of this and earlier runs, with the processes that still run there. */
function removeAll(): void {
  const read = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const names = read('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] as string)
    .filter((name) => name.startsWith(prefix));
  for (const name of names) {
    for (const pid of read('netns', 'pids', name).split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has just ended.
      }
    }
    read('netns', 'delete', name);
  }
  try {
    read('link', 'delete', bridge);
  } catch {
    // There was none.
  }
}
