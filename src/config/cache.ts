import { accessSync, constants, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "./error.ts";
import { type Given, take } from "./given.ts";

/**
 * The folder for what may be fetched again, from `--cache-dir` or `MCP_CACHE_DIR`; made where there is none yet.
 * `undefined` when nothing is to be kept. A relative path starts from `cwd`.
 * @throws ConfigError when the folder cannot be made or written to.
 */
export function loadCacheFolder(given: Given, cwd: string): string | undefined {
  const setting = take("MCP_CACHE_DIR", given);
  if (setting === undefined) return undefined;
  const folder = resolve(cwd, setting.text);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return folder;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new ConfigError(
      `${setting.name}: ${folder} is no folder that this user can write to${code}. Name another one, or leave it out.`,
    );
  }
}
