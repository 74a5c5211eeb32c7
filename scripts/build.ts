import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { compile, currentCommit, root } from "./build/compile.ts";
import { drive } from "./build/drive.ts";
import { ownTarget, parseTarget } from "./build/targets.ts";

// Builds one program, `dist/proxmox-mcp` for this machine unless told otherwise, and runs it where it can run.
const { values } = parseArgs({ options: { target: { type: "string" }, outfile: { type: "string" } } });
const target = values.target === undefined ? undefined : parseTarget(values.target);
const suffix = (target ?? ownTarget())?.startsWith("windows") ? ".exe" : "";
const outfile = resolve(values.outfile ?? join(root, "dist", `proxmox-mcp${suffix}`));

await mkdir(dirname(outfile), { recursive: true });
await compile({ outfile, commit: await currentCommit(), ...(target !== undefined && { target }) });
const runsHere = target === undefined || target === ownTarget();
const says = runsHere ? await drive(outfile, manifest.version) : "not run: it is for another machine";
process.stdout.write(`${outfile}: ${says}\n`);
