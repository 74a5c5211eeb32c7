import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A schema's script as a host served it. */
export interface Script {
  readonly text: string;
  /** `Last-Modified`, in the server's own words. */
  readonly modified: string;
}

/**
 * A folder with the scripts of the versions that were met, `apidoc-9.1.3.js`. It only saves fetching: whatever goes
 * wrong with it counts as not being there.
 */
export class Shelf {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async take(version: string): Promise<Script | undefined> {
    const path = this.#path(version);
    const kept = path === undefined ? undefined : await readFile(path, "utf8").catch(() => undefined);
    const [head, modified] = /^\/\/ Last-Modified: (.+)\n/.exec(kept ?? "") ?? [];
    if (kept === undefined || head === undefined || modified === undefined) return undefined;
    return { text: kept.slice(head.length), modified };
  }

  async put(version: string, { text, modified }: Script): Promise<void> {
    const path = this.#path(version);
    if (path === undefined || /[\r\n]/.test(modified)) return;
    // Another process may read it meanwhile: it is there whole or not at all.
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, `// Last-Modified: ${modified}\n${text}`, { mode: 0o600 })
      .then(() => rename(draft, path))
      .catch(() => undefined);
  }

  /** A version comes from a host, and must not lead out of the folder. */
  #path(version: string): string | undefined {
    return /^\d[\w.~+-]{0,40}$/.test(version) ? join(this.#folder, `apidoc-${version}.js`) : undefined;
  }
}
