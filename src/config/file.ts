import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import { ConfigError } from "./error.ts";
import { Secret } from "./secret.ts";
import type { Variables } from "./variables.ts";
import { shellWord, shownPath } from "./wording.ts";

/** A file that was read: its text, and its permission bits (0 on Windows, where they mean nothing). */
export interface FileText {
  readonly path: string;
  /** The path, unless it may be a secret put in a path's place. */
  readonly shown: string;
  readonly text: string;
  readonly mode: number;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of its path is not a directory",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  EISDIR: "it is a directory",
  ELOOP: "its symbolic links go round in a circle",
  ENAMETOOLONG: "its name is too long",
};

/** Far above any file that is meant here; keeps a mistaken path to something huge from filling the memory. */
const largest = 1024 * 1024;

/**
 * Reads a file of text; a relative path starts from `folder`. Pipes work (`--config <(sops -d clusters.enc.json)`).
 * @throws ConfigError that says why it cannot be read.
 */
export function readText(given: string, folder: string): FileText {
  const path = resolve(folder, given);
  const shown = shownPath(given, path);
  const refuse = (reason: string) => new ConfigError(`cannot read ${shown}: ${reason}.`);
  const { bytes, mode } = readBytes(path, refuse);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { path, shown, text, mode: process.platform === "win32" ? 0 : mode };
  } catch {
    throw refuse("it is not text in UTF-8");
  }
}

function readBytes(path: string, refuse: (reason: string) => ConfigError): { bytes: Uint8Array; mode: number } {
  try {
    const stats = statSync(path);
    if (stats.isCharacterDevice() || stats.isBlockDevice()) throw refuse("it is a device");
    const bytes = stats.isFIFO() ? readPipe(path) : stats.size > largest ? undefined : readFileSync(path);
    if (bytes === undefined) throw refuse("it is larger than 1 MiB");
    return { bytes, mode: stats.mode };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refuse(reasons[errorCode(error)] ?? `reading failed (${errorCode(error)})`);
  }
}

/** A pipe does not say how much will come; `undefined` when it is too much. */
function readPipe(path: string): Uint8Array | undefined {
  const descriptor = openSync(path, "r");
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total <= largest; ) {
      const chunk = Buffer.alloc(64 * 1024);
      const length = readSync(descriptor, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
      total += length;
    }
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Whether a file can be read again: a pipe gives its text once, and a second reading would wait for ever. */
export function isRereadable(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true;
}

/** Whether there is nothing at a path, which is not the same as something that cannot be read. */
export function isMissing(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(errorCode(error));
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

/**
 * Reads a secret that stands alone in a file, without the newline at its end.
 * @throws ConfigError when it cannot be read, is empty, or holds more than visible ASCII.
 */
export function readSecret(given: string, folder: string): { secret: Secret; file: FileText } {
  const file = readText(given, folder);
  const value = file.text.replace(/\r?\n$/, "");
  if (value === "") throw new ConfigError(`${file.shown} is empty.`);
  if (!isVisibleAscii(value)) {
    throw new ConfigError(`${file.shown} must hold the secret alone: visible ASCII on one line, no spaces.`);
  }
  return { secret: new Secret(value), file };
}

/** Whether a text can go into an HTTP header as one word. */
export function isVisibleAscii(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/**
 * The warning for a file with a secret that group or others may read, or `undefined`. Files that systemd hands over
 * in `$CREDENTIALS_DIRECTORY` show group bits that are the mask of an access list, so they are left alone.
 */
export function exposed(file: FileText, env: Variables, bits = 0o044): string | undefined {
  const credentials = env["CREDENTIALS_DIRECTORY"];
  if (credentials !== undefined && credentials !== "") {
    const inside = relative(credentials, file.path);
    if (inside !== "" && !inside.startsWith("..") && !isAbsolute(inside)) return undefined;
  }
  if ((file.mode & bits) === 0) return undefined;
  return `${file.path} holds a secret, and other users can read it. Run: chmod 600 ${shellWord(file.path)}`;
}
