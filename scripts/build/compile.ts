import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type Target, targets } from "./targets.ts";

/** What is compiled, and where to. */
export interface Compilation {
  /** The program's first module; the product's own unless given. */
  readonly entry?: string;
  /** This machine unless given. */
  readonly target?: Target;
  /** Path of the program to write; a Windows one ends in `.exe`. */
  readonly outfile: string;
  /** What `--version` names as the commit. */
  readonly commit: string;
}

/** The project's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Compiles the program: one file with Bun in it.
 *
 * The options are measured ones. Only esm can be compiled to bytecode here; autoloading is off, since else a `.env` or a
 * `bunfig.toml` where the program is started would be obeyed by it, code in its `preload` included. Strict refuses all code
 * that is not in the program: what `BUN_OPTIONS=--preload`, `BUN_OPTIONS=--config` and `BUN_INSPECT_PRELOAD` name runs before
 * our first line (measured with Bun 1.4.5), and `BUN_INSPECT` opens a debugger that asks for no password. An environment
 * variable cannot lower it.
 * @returns the paths of all modules in it.
 * @throws {Error} for whatever the bundler says, warnings too, and for a failed bytecode, after which it reports success.
 * Nothing is left at `outfile` then.
 */
export async function compile({ entry, target, outfile, commit }: Compilation): Promise<readonly string[]> {
  const { success, logs, metafile } = await Bun.build({
    entrypoints: [entry ?? fileURLToPath(new URL("../../src/main.ts", import.meta.url))],
    compile: {
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      execArgv: ["--disallow-code-generation-from-strings=strict"],
      ...(target !== undefined && { target: targets[target] }),
    },
    minify: true,
    sourcemap: "linked",
    bytecode: true,
    format: "esm",
    define: { PROXMOX_MCP_COMMIT: JSON.stringify(commit) },
    metafile: true,
    throw: false,
  });
  // The program holds its source map; this one beside it is for debuggers.
  await rm(`${outfile.replace(/\.exe$/, "")}.map`, { force: true });
  if (!success || logs.length > 0 || metafile === undefined) {
    await rm(outfile, { force: true });
    throw new Error(`${outfile} was not built:\n${logs.map(String).join("\n")}`);
  }
  return Object.keys(metafile.inputs);
}

/**
 * The commit to be named in the program: the variable `COMMIT` (an image is built without the repository), else the
 * repository's, marked where files differ from it.
 */
export async function currentCommit(): Promise<string> {
  const given = process.env["COMMIT"];
  if (given !== undefined && given !== "") return given.slice(0, 12);
  const git = Bun.spawn(["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"], {
    cwd: root,
    stdout: "pipe",
    stderr: "ignore",
  });
  const text = (await git.stdout.text()).trim();
  return (await git.exited) === 0 ? text : "unknown";
}
