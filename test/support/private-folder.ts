import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of mode 700, gone when disposed. */
export async function privateFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "proxmox-mcp-run-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Whether this machine lets a test act as another user; where it does not, stderr says that an attack was not tried. */
export function canActAsOthers(): boolean {
  const can = process.getuid?.() === 0 && Bun.which("setpriv") !== null;
  if (!can) process.stderr.write("*** Attacks by another user were not tried: they need root and setpriv. ***\n");
  return can;
}

/** A command that runs the rest of a command line as the user `nobody`. */
export const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
