import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { PageValidator } from "../../proxmox/client.ts";
import { sha256 } from "./hash.ts";

/** A script as a cluster served it, with what the next request for it needs. */
export interface CachedScript {
  readonly text: string;
  /** The version that the cluster reported with it. */
  readonly version: string;
  readonly validator: PageValidator;
  /** When it was last transferred whole, in milliseconds since the epoch. */
  readonly fetchedAt: number;
}

/** The first line of a cache file. */
const header = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  version: z.string().max(64),
  endpoint: z.string().max(4096),
  modified: z.string().max(64),
  fetchedAt: z.number(),
});

/** The largest file that is read, in bytes: the client reads answers of up to 16 MiB. */
const maxBytes = 20 * 1024 * 1024;

/**
 * The scripts of the API's description on disk, one file for each cluster: `apidoc-<hash of the cluster's identity>.js`
 * with a header line in JSON. A file is read only when it is a regular file of this process's user that no other user
 * can write, reached without a symbolic link in its last component, and when its content has the hash that the header
 * states. It only saves transfers: every failure counts as a missing file.
 */
export class SchemaDiskCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What was kept for the cluster of this identity. */
  async get(identity: string): Promise<CachedScript | undefined> {
    const content = await readOwnFile(this.#path(identity)).catch(() => undefined);
    const end = content?.indexOf("\n") ?? -1;
    if (content === undefined || end < 0) return undefined;
    const read = header.safeParse(parseJson(content.slice(0, end)));
    const text = content.slice(end + 1);
    if (!read.success || sha256(text) !== read.data.sha256) return undefined;
    const { version, endpoint, modified, fetchedAt } = read.data;
    return { text, version, validator: { endpoint, modified }, fetchedAt };
  }

  /** Replaces what was kept for the cluster; other processes see the old file or the new one, never a part. */
  async put(identity: string, { text, version, validator, fetchedAt }: CachedScript): Promise<void> {
    const path = this.#path(identity);
    const draft = `${path}.${process.pid}.${crypto.randomUUID()}`;
    const head = JSON.stringify({ sha256: sha256(text), version, ...validator, fetchedAt });
    try {
      const { O_CREAT, O_EXCL, O_WRONLY } = constants;
      const file = await open(draft, O_CREAT | O_EXCL | O_WRONLY | noFollow, 0o600);
      try {
        await file.writeFile(`${head}\n${text}`);
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch {
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }

  #path(identity: string): string {
    return join(this.#folder, `apidoc-${sha256(identity).slice(0, 32)}.js`);
  }
}

/** Windows has no such flags; its folders take their access rights from the user's profile. */
const noFollow = constants.O_NOFOLLOW ?? 0;
const nonBlocking = constants.O_NONBLOCK ?? 0;

/** @throws for a file that is missing, too large, no regular file, a symbolic link, or open to other users. */
async function readOwnFile(path: string): Promise<string> {
  // Without O_NONBLOCK, opening a FIFO in its place would block until a writer opens it.
  const file = await open(path, constants.O_RDONLY | noFollow | nonBlocking);
  try {
    await checkOwn(file, path);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function checkOwn(file: FileHandle, path: string): Promise<void> {
  const stat = await file.stat();
  const own = process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o022) === 0);
  if (!stat.isFile() || !own || stat.size > maxBytes) throw new Error(`${path} cannot be trusted`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
