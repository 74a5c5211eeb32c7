import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../../scripts/build/compile.ts";

/** The commit that a program compiled for tests names. */
export const testCommit = "0123456789ab";

/** A program to test; what was compiled for it is removed with it. */
export interface BuiltBinary extends AsyncDisposable {
  readonly path: string;
}

/** The program that PROXMOX_MCP_BINARY names, or one compiled now. */
export async function builtBinary(): Promise<BuiltBinary> {
  const named = process.env["PROXMOX_MCP_BINARY"];
  if (named !== undefined) return { path: named, [Symbol.asyncDispose]: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), "proxmox-mcp-build-"));
  const path = join(folder, "proxmox-mcp");
  // Removed by whoever made it, and by no name worked out later: of a build that failed there is none.
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await compile({ outfile: path, commit: testCommit });
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, [Symbol.asyncDispose]: remove };
}
