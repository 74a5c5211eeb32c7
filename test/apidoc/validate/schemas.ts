import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ApiSchema, readSchema } from "../../../src/apidoc/schema.ts";
import { createDemo } from "../../../src/simulator/index.ts";

/** A schema to test with, and where it came from. */
export interface Source {
  readonly name: string;
  readonly schema: ApiSchema;
  /** Proxmox's own, with all endpoints. */
  readonly whole: boolean;
}

/**
 * Proxmox's own schemas where `shared/pve-api` lies beside this repository or beside a folder above it, else the demo's,
 * whose name then says why.
 */
export async function loadSources(): Promise<readonly Source[]> {
  const folder = find(join(import.meta.dir, "../../.."));
  if (folder !== undefined) {
    return Promise.all(
      ["9.1.3", "8.4.2"].map(async (version) => {
        const array = await Bun.file(join(folder, `apischema-${version}.json`)).text();
        return {
          name: `the schema of ${version}`,
          whole: true,
          schema: await read(version, `const apiSchema = ${array}\n;\nExt.onReady();`),
        };
      }),
    );
  }
  return Promise.all(
    createDemo().clusters.map(async ({ name, fetch }) => {
      const answer = await fetch(new Request("https://demo/pve-docs/api-viewer/apidoc.js"));
      return {
        name: `the demo's schema of ${name} (../shared/pve-api is absent)`,
        whole: false,
        schema: await read(name, await answer.text()),
      };
    }),
  );
}

async function read(version: string, script: string): Promise<ApiSchema> {
  const schema = await readSchema(version, script);
  if (schema === undefined) throw new Error(`no schema in ${version}`);
  return schema;
}

function find(folder: string): string | undefined {
  const candidate = join(folder, "../shared/pve-api");
  if (existsSync(candidate)) return candidate;
  return dirname(folder) === folder ? undefined : find(dirname(folder));
}
