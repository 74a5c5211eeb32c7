import { accessSync, constants, lstatSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../error.ts";
import { shellWord } from "../wording.ts";
import { type Given, take } from "./option-sources.ts";

/**
 * The folder for what may be fetched again, from `--cache-dir` or `MCP_CACHE_DIR`; made with mode 0700 where there is
 * none yet. `undefined` when nothing is to be kept. A relative path starts from `cwd`.
 * @throws ConfigError when the folder cannot be made or written to, is a symbolic link, belongs to another user than
 * this one or root, or can be written to by others: what is read from it decides how requests are checked.
 */
export function loadCacheFolder(given: Given, cwd: string): string | undefined {
  const setting = take("MCP_CACHE_DIR", given);
  if (setting === undefined) return undefined;
  const folder = resolve(cwd, setting.text);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new ConfigError(
      `${setting.name}: ${folder} is no folder that this user can write to${code}. Name another one, or leave it out.`,
    );
  }
  const problem = unsafe(folder);
  if (problem === undefined) return folder;
  throw new ConfigError(`${setting.name}: ${folder} ${problem}`);
}

/** Why a folder cannot be trusted, and what to do; `undefined` when it can. */
function unsafe(folder: string): string | undefined {
  const stats = lstatSync(folder);
  if (stats.isSymbolicLink()) return "is a symbolic link. Name the folder that it points to.";
  // Windows has neither owners nor modes of this kind.
  const own = process.getuid?.();
  if (own === undefined) return undefined;
  if (stats.uid !== own && stats.uid !== 0) {
    return `belongs to another user (uid ${stats.uid}). Name a folder of this user (uid ${own}).`;
  }
  if ((stats.mode & 0o022) === 0) return undefined;
  const shownMode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
  return `can be written to by other users (mode ${shownMode}). Run: chmod go-w ${shellWord(folder)}`;
}
