import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of one unit in `/proc`: the kernel counts in hundredths of a second. */
const tickMs = 10;

interface ProcessTimes {
  parentPid: number;
  /** Its own processor time, and that of children that have ended. */
  cpuMs: number;
}

/**
 * Returns the processor time so far of a process and its descendants, in milliseconds: of a database server, for example, with a process
 * for each connection. It does not depend on what else the machine does, as a rate does. Linux only.
 */
export function readTreeCpuMs(rootPid: number): number {
  const times = new Map<number, ProcessTimes>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const found = Number.isInteger(pid) ? readProcess(pid) : null;
    if (found) times.set(pid, found);
  }
  const isInTree = (pid: number): boolean => pid === rootPid || (times.has(pid) && isInTree(times.get(pid)?.parentPid ?? 0));
  return [...times].reduce((total, [pid, { cpuMs }]) => total + (isInTree(pid) ? cpuMs : 0), 0);
}

/** Reads a line of proc(5): after the name in parentheses come the state, the parent, and from the 14th field on the times. */
function readProcess(pid: number): ProcessTimes | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((total, index) => total + Number(fields[index]), 0);
    return { parentPid: Number(fields[1]), cpuMs: ticks * tickMs };
  } catch {
    // The process has ended meanwhile.
    return null;
  }
}
