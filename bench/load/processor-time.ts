import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second for everybody, whatever its own clock. */
const ticksPerSecond = 100;

/** What a process has used of all processors until now, in seconds; Linux only. */
export function processorSeconds(pid: number): number {
  // Name and state stand first, and the name may hold anything but this.
  const [, , , , , , , , , , , user, system] =
    readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(user) + Number(system)) / ticksPerSecond;
}
