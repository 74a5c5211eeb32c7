import { readSchema } from "../../src/apidoc/schema.ts";
import { ApiSearch } from "../../src/apidoc/search/search.ts";
import { loadSources } from "../../test/apidoc/validate/schemas.ts";
import { repeat, type Sample } from "../sample.ts";

/** A host's apidoc.js has some 4 MB, mostly the white space of its layout. */
const hostBytes = 4_000_000;

/** The scripts of two versions, as long as hosts serve them. */
async function scripts(): Promise<{ version: string; script: string }[]> {
  return (await loadSources()).map(({ schema }) => {
    const nodes = schema.templates.map((path) => {
      const methods = schema.methods(path).map((method) => {
        const { parameters, ...info } = schema.endpoint(method, path) ?? { parameters: {} };
        return [method, { ...info, parameters: { properties: parameters } }];
      });
      return { path, info: Object.fromEntries(methods) };
    });
    const array = JSON.stringify(nodes, null, 3);
    const filler = " ".repeat(Math.max(0, hostBytes - array.length));
    return {
      version: schema.version,
      script: `const apiSchema = ${array.slice(0, -1)}${filler}]\n;\nExt.onReady();\n`,
    };
  });
}

/** Reading a description of 4 MB, in milliseconds, against parsing its JSON and nothing else. */
export async function schemaReading(): Promise<Sample[]> {
  const [first] = await scripts();
  if (first === undefined) throw new Error("there is no schema to read");
  const json = first.script.slice(first.script.indexOf("["), first.script.lastIndexOf("]") + 1);
  return await repeat(5, async () => {
    const before = performance.now();
    await readSchema(first.version, first.script);
    const between = performance.now();
    JSON.parse(json);
    return { ours: between - before, theirs: performance.now() - between };
  });
}

/** The longest that nothing else can run while a description of 4 MB is read and made searchable, in milliseconds. */
export async function schemaHold(): Promise<Sample[]> {
  const [first] = await scripts();
  if (first === undefined) throw new Error("there is no schema to read");
  return await repeat(5, async () => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const schema = await readSchema(first.version, first.script);
    if (schema !== undefined) (await ApiSearch.of(schema)).find("grow a disk", { limit: 8 });
    await Bun.sleep(5);
    clearInterval(timer);
    return { ours: longest };
  });
}

/** What two versions take in memory once they were read and searched, in MiB. */
export async function schemaMemory(): Promise<Sample[]> {
  const all = await scripts();
  const kept: unknown[] = [];
  return await repeat(3, async () => {
    kept.length = 0;
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    for (const { version, script } of all) {
      const schema = await readSchema(version, script);
      if (schema === undefined) throw new Error(`no schema in ${version}`);
      (await ApiSearch.of(schema)).find("grow a disk", { limit: 8 });
      kept.push(schema);
    }
    Bun.gc(true);
    return { ours: (process.memoryUsage().heapUsed - before) / 1024 / 1024 };
  });
}
