import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../../scripts/build/compile.ts";

/** The commit that a program compiled for tests names. */
export const testCommit = "0123456789ab";

/** The program that PROXMOX_MCP_BINARY names, or one compiled now. */
export async function builtBinary(): Promise<string> {
  const named = process.env["PROXMOX_MCP_BINARY"];
  if (named !== undefined) return named;
  const outfile = join(await mkdtemp(join(tmpdir(), "proxmox-mcp-build-")), "proxmox-mcp");
  await compile({ outfile, commit: testCommit });
  return outfile;
}
