/** What the program is built for, by the names of its release files. */
export const targets = {
  "linux-x64": "bun-linux-x64",
  "linux-arm64": "bun-linux-arm64",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "darwin-x64": "bun-darwin-x64",
  "darwin-arm64": "bun-darwin-arm64",
  "windows-x64": "bun-windows-x64",
} as const satisfies Record<string, Bun.Build.CompileTarget>;

/** A name of {@link targets}. */
export type Target = keyof typeof targets;

/**
 * The target of this machine, as far as processor and system say it: a musl one does not know itself.
 * @returns `undefined` where nothing is built for this machine.
 */
export function ownTarget(): Target | undefined {
  const name = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  return isTarget(name) ? name : undefined;
}

/**
 * A target by its name; the names that Docker gives processors (`linux-amd64`) are understood, too.
 * @throws {Error} that lists the names there are.
 */
export function parseTarget(name: string): Target {
  const known = name.replace(/-amd64\b/, "-x64");
  if (isTarget(known)) return known;
  throw new Error(`Nothing is built for ${name}. There are: ${Object.keys(targets).join(", ")}.`);
}

function isTarget(name: string): name is Target {
  return Object.hasOwn(targets, name);
}
