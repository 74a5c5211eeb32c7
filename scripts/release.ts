import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { compile, currentCommit, root } from "./build/compile.ts";
import { drive } from "./build/drive.ts";
import { billOfMaterials } from "./build/sbom.ts";
import { ownTarget, type Target, targets } from "./build/targets.ts";

// Builds the files of a release in `dist/release`: a program for every target, the bill of materials, the checksums.
const folder = join(root, "dist", "release");
const commit = await currentCommit();
const tag = process.env["GITHUB_REF_TYPE"] === "tag" ? process.env["GITHUB_REF_NAME"] : undefined;
if (tag !== undefined && tag !== `v${manifest.version}`) {
  throw new Error(`The tag is ${tag}, but package.json says ${manifest.version}. Change one of them.`);
}
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

let modules: readonly string[] = [];
for (const target of Object.keys(targets) as Target[]) {
  const windows = target.startsWith("windows");
  const program = join(folder, `${manifest.name}-${target}${windows ? ".exe" : ""}`);
  modules = await compile({ target, outfile: program, commit });
  if (target === ownTarget()) await drive(program, manifest.version);
  // Half the size. Windows has nothing at hand that unpacks it.
  if (!windows) {
    await Bun.write(`${program}.gz`, Bun.gzipSync(await Bun.file(program).bytes(), { level: 6 }));
    await rm(program);
  }
  process.stdout.write(`${target}\n`);
}

const bill = await billOfMaterials(modules, commit);
await Bun.write(join(folder, `${manifest.name}.cdx.json`), `${JSON.stringify(bill, null, 2)}\n`);
const files = (await Array.fromAsync(new Bun.Glob("*").scan(folder))).sort();
const sums = await Promise.all(files.map(async (file) => `${await sha256(join(folder, file))}  ${file}\n`));
await Bun.write(join(folder, "SHA256SUMS"), sums.join(""));

async function sha256(file: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(file).stream()) hash.update(chunk);
  return hash.digest("hex");
}
