import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { compile } from "../../scripts/build/compile.ts";
import { billOfMaterials } from "../../scripts/build/sbom.ts";
import { parseTarget } from "../../scripts/build/targets.ts";
import { testCommit } from "./binary.ts";

let folder = "";
const outfile = () => join(folder, "program");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxmox-mcp-compile-"));
});

afterAll(async () => {
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

async function entryOf(source: string): Promise<string> {
  const entry = join(folder, "entry.ts");
  await Bun.write(entry, source);
  return entry;
}

test("a warning of the bundler is an error, and no program is left", async () => {
  await Bun.write(join(folder, "other.ts"), "export const there = 1;");
  const entry = await entryOf('import * as other from "./other.ts"; process.stdout.write(String(other.absent));');
  await expect(compile({ entry, outfile: outfile(), commit: testCommit })).rejects.toThrow(
    'Import "absent" will always be undefined',
  );
  expect(await Bun.file(outfile()).exists()).toBeFalse();
});

test("a program without its bytecode is an error, though the bundler calls it a success", async () => {
  const entry = await entryOf("export const pattern = /(?<twice>x)(?<twice>y)/;");
  await expect(compile({ entry, outfile: outfile(), commit: testCommit })).rejects.toThrow(
    "Failed to generate bytecode",
  );
});

test("a fault is told with the line of the source", async () => {
  const entry = await entryOf('function fault(): never {\n  throw new Error("told");\n}\nfault();\n');
  await compile({ entry, outfile: outfile(), commit: testCommit });
  expect(await Bun.spawn([outfile()], { stderr: "pipe" }).stderr.text()).toContain("entry.ts:2:");
});

test("the bill of materials names the packages in the program with version, license and hash, and no others", async () => {
  const modules = await compile({ outfile: outfile(), commit: testCommit });
  const bill = (await billOfMaterials(modules, testCommit)) as {
    specVersion: string;
    components: { name: string; version: string; licenses?: object[]; hashes?: { content: string }[] }[];
    dependencies: { ref: string }[];
  };
  expect(bill.specVersion).toBe("1.6");
  const versions = Object.fromEntries(bill.components.map(({ name, version }) => [name, version]));
  expect(versions).toMatchObject({ bun: Bun.version, ...manifest.dependencies });
  for (const development of Object.keys(manifest.devDependencies)) expect(versions).not.toHaveProperty([development]);
  for (const { name, licenses, hashes } of bill.components.filter((component) => component.name !== "bun")) {
    expect({ name, licenses: licenses?.length, hash: hashes?.[0]?.content.length }).toEqual({
      name,
      licenses: 1,
      hash: 128,
    });
  }
  expect(bill.dependencies).toHaveLength(bill.components.length + 1);
});

test("targets go by their names, and by Docker's", () => {
  expect(parseTarget("linux-amd64")).toBe("linux-x64");
  expect(parseTarget("linux-arm64")).toBe("linux-arm64");
  expect(() => parseTarget("linux-s390x")).toThrow("There are: linux-x64, linux-arm64");
});
