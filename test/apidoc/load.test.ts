import { describe, expect, test } from "bun:test";
import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { ApiSearch } from "../../src/apidoc/search/search.ts";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { clusterAt } from "../proxmox/clusters.ts";
import { loadSources } from "./validate/schemas.ts";

const sources = await loadSources();

/**
 * How long nothing else could run while something was done, in milliseconds of this process's own CPU time: on a busy
 * machine others hold it up, too.
 */
async function maxHoldLength(run: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = cpuMs();
  const timer = setInterval(() => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await run();
  await Bun.sleep(5);
  clearInterval(timer);
  return longest;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

describe.each(sources.map((source) => [source.name, source] as const))("%s", (_, { schema }) => {
  test("is read and made searchable without ever holding others up for 50 ms", async () => {
    // Laid out as a host does, which makes 4 MB of it.
    const nodes = schema.templates.map((path) => ({
      path,
      info: Object.fromEntries(schema.methods(path).map((method) => [method, JSON.parse(text(path, method))])),
    }));
    const script = Bun.gzipSync(`const apiSchema = ${JSON.stringify(nodes, null, 3)}\n;\nExt.onReady();\n`);
    await using host = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) =>
        url.endsWith("/version")
          ? Response.json({ data: { version: schema.version } })
          : new Response(script, { headers: { "content-encoding": "gzip" } }),
    });
    const holds: number[] = [];
    for (let round = 0; round < 3; round++) {
      const client = new ProxmoxClient(clusterAt([host.url.origin]));
      holds.push(
        await maxHoldLength(async () => {
          const known = await new SchemaCache().schema(client);
          if (known.schema === undefined) throw new Error(known.missing);
          expect(known.schema.names()).toEqual(schema.names());
          await ApiSearch.of(known.schema);
        }),
      );
    }
    // The collector's threads count, too: the quietest round tells what is its own.
    expect(Math.min(...holds)).toBeLessThan(50);
  });

  function text(path: string, method: "GET" | "POST" | "PUT" | "DELETE"): string {
    const endpoint = schema.endpoint(method, path);
    return JSON.stringify({ ...endpoint, parameters: { properties: endpoint?.parameters } });
  }
});
