import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A clusters.json in a new folder, readable by this user only, removed when disposed. */
export interface ConfigFile extends AsyncDisposable {
  readonly path: string;
  readonly folder: string;
  /** Replaces its content. */
  write(content: unknown): Promise<void>;
}

/** Writes a clusters.json, and other files beside it. */
export async function configFile(content: unknown, others: Record<string, string> = {}): Promise<ConfigFile> {
  const folder = await mkdtemp(join(tmpdir(), "proxmox-mcp-"));
  const path = join(folder, "clusters.json");
  const write = (to: string, text: string) => writeFile(to, text, { mode: 0o600 });
  await write(path, JSON.stringify(content));
  for (const [name, text] of Object.entries(others)) await write(join(folder, name), text);
  return {
    path,
    folder,
    write: (next) => write(path, typeof next === "string" ? next : JSON.stringify(next)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
