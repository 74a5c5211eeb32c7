import manifest from "../package.json" with { type: "json" };

/** Written in by the build; source that runs as it is has none. */
declare const PROXMOX_MCP_COMMIT: string | undefined;

/** Whether this is a compiled program, with Bun in it, and not source that Bun runs. */
export const isCompiled = typeof PROXMOX_MCP_COMMIT === "string";

/** This server's version, `0.1.0`. */
export const version = manifest.version;

/** What runs, for `--version` and reports: `0.1.0 (commit 772c1404a1b2, Bun 1.4.5, MCP SDK 2.4.0)`. */
export const versionLine = `${version} (${[
  typeof PROXMOX_MCP_COMMIT === "string" ? `commit ${PROXMOX_MCP_COMMIT}` : "from source",
  `Bun ${Bun.version}`,
  `MCP SDK ${manifest.dependencies["@modelcontextprotocol/server"]}`,
].join(", ")})`;
