import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import type { Variables } from "../clusters/variables.ts";
import { ConfigError } from "../error.ts";
import { Secret } from "../secret.ts";
import { shellWord, shownPath } from "../wording.ts";
import { type Chosen, trustFault } from "./file-trust.ts";

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
  ENXIO: "it is a socket",
  EMFILE: "this process has no file descriptor left; raise its limit (LimitNOFILE=, ulimit -n)",
  ENFILE: "this machine has no file descriptor left; raise fs.file-max",
};

/** Far above any file that is meant here; keeps a mistaken path to something huge from filling the memory. */
const largest = 1024 * 1024;

/**
 * Reads a file of text; a relative path starts from `folder`. Pipes and devices are refused, since reading one may wait
 * for ever.
 * @throws ConfigError that says why it cannot be read.
 */
export function readText(given: string, folder: string): FileText {
  return readWith(given, folder, openRegular);
}

/**
 * Reads a file that decides what this program does or holds a secret: like {@link readText}, and others must be able
 * neither to write nor to replace it.
 * @throws ConfigError that says why it cannot be read, or must not be used and the command that mends it.
 */
export function readTrusted(given: string, folder: string, chosen: Chosen = "named"): FileText {
  const file = readText(given, folder);
  const fault = trustFault(file.path, chosen);
  if (fault !== undefined) throw new ConfigError(`${file.shown} is not used: ${fault}`);
  return file;
}

/**
 * Reads a pipe that this process was started with, such as that of `--config <(sops -d clusters.enc.json)`.
 * @throws ConfigError that says why it cannot be read.
 */
export function readInheritedPipe(path: string): FileText {
  return readWith(path, "/", () => {
    const descriptor = openSync(path, "r");
    return { descriptor, stats: fstatSync(descriptor) };
  });
}

/** Whether a path names a pipe that this process was started with. It gives its text once. */
export function isInheritedPipe(path: string): boolean {
  const isOwn = /^\/(?:dev|proc\/self)\/fd\/\d+$|^\/dev\/stdin$/.test(path);
  return isOwn && statSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
}

interface Opened {
  readonly descriptor: number;
  readonly stats: Stats;
}

function readWith(given: string, folder: string, open: (path: string) => Opened | string): FileText {
  const path = resolve(folder, given);
  const shown = shownPath(given, path);
  const refuse = (reason: string) => new ConfigError(`cannot read ${shown}: ${reason}.`);
  let opened: Opened | string | undefined;
  try {
    opened = open(path);
    if (typeof opened === "string") throw refuse(opened);
    const bytes = readAll(opened.descriptor);
    if (bytes === undefined) throw refuse("it is larger than 1 MiB");
    const text = decode(bytes);
    if (text === undefined) throw refuse("it is not text in UTF-8");
    return { path, shown, text, mode: process.platform === "win32" ? 0 : opened.stats.mode };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refuse(reasons[errorCode(error)] ?? `reading failed (${errorCode(error)})`);
  } finally {
    if (typeof opened === "object") closeSync(opened.descriptor);
  }
}

/** Opens a regular file, or says what else the path is. */
function openRegular(path: string): Opened | string {
  // Opening a device can have side effects.
  const other = otherKind(statSync(path));
  if (other !== undefined) return other;
  // A FIFO may have replaced the file meanwhile; without O_NONBLOCK, open(2) would wait for its writer.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const stats = fstatSync(descriptor);
  const replaced = otherKind(stats);
  if (replaced === undefined) return { descriptor, stats };
  closeSync(descriptor);
  return replaced;
}

/** What a path is other than a regular file; `undefined` for a regular file. */
function otherKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return "it is a directory";
  if (stats.isFIFO()) return "it is a pipe (FIFO), which may keep its reader waiting for ever";
  return stats.isSocket() ? "it is a socket" : "it is a device";
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads a descriptor to its end, since pipes and files of /proc have no size; `undefined` when it is too large. */
function readAll(descriptor: number): Uint8Array | undefined {
  const chunks: Buffer[] = [];
  for (let total = 0; total <= largest; ) {
    const chunk = Buffer.alloc(64 * 1024);
    const length = readSync(descriptor, chunk);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
    total += length;
  }
  return undefined;
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
 * @throws ConfigError when it cannot be read, must not be trusted, is empty, or holds more than visible ASCII.
 */
export function readSecret(given: string, folder: string): { secret: Secret; file: FileText } {
  const file = readTrusted(given, folder);
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
