import { afterEach } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A temporary folder with these files, gone after the test. A file's mode is 0600 unless `modes` says otherwise. */
export function folderWith(
  files: Readonly<Record<string, string | Uint8Array>>,
  modes: Readonly<Record<string, number>> = {},
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "proxmox-mcp-")));
  made.push(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, modes[name] ?? 0o600);
  }
  return folder;
}

/** A canonical `clusters.json` with one cluster `prod`: a valid one, but for the keys given. `undefined` removes a key. */
export function prodWith(keys: Readonly<Record<string, unknown>> = {}): string {
  const prod = { url: "pve1", user: "mcp@pve", token_id: "agent", token_secret: secret, ...keys };
  return JSON.stringify({ clusters: { prod } }, undefined, 2);
}

/** The secret in {@link prodWith}; no message may hold it. */
export const secret = "1d5ae4b7-c0de-4bad-8f00-5ec4e75ec4e7";
