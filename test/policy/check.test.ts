import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { CheckRefusal } from "../../src/policy/check.ts";
import { classify } from "../../src/policy/endpoint-classes/classify.ts";
import { parsePath } from "../../src/proxmox/path.ts";
import { createDemo } from "../../src/simulator/index.ts";
import { loadSources } from "../apidoc/validate/schemas.ts";
import { clusterAt } from "../proxmox/clusters.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { guarded } from "../support/guarded.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";
import { type Behaviour, reply, replyData, startRawServer } from "../support/raw-server.ts";

const page = "/pve-docs/api-viewer/apidoc.js";

let demo: DemoServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  const [alpha] = createDemo({ offlineDelayMs: 0, authDelayMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  demo = await serveDemo(alpha);
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const credentials = { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret };
  config = await configFile({
    clusters: { alpha: credentials, narrow: { ...credentials, allow: ["GET /nodes/**"] } },
  });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await Promise.all([demo.stop(), config[Symbol.asyncDispose]()]);
});

/** Calls through a real client, and tells what reached Proxmox's API beside the look at its version. */
async function call(method: string, path: string, data?: object, cluster = "alpha") {
  const before = demo.requests.length;
  const answer = await client.call("proxmox_api_call", { cluster, method, path, ...(data && { data }) });
  const sent = demo.requests.slice(before).filter((it) => it.path !== page && it.path !== "/api2/json/version");
  return { ...answer, sent: sent.map((it) => `${it.method} ${it.path}`) };
}

describe("before it is sent", () => {
  test("every wrong parameter is named at once, with what is valid, the nearest name and the signature", async () => {
    const { text, isError, sent } = await call("PUT", "/nodes/pve1/qemu/100/config", {
      memroy: 512,
      cores: 0,
      onboot: "perhaps",
    });
    expect({ isError, sent }).toEqual({ isError: true, sent: [] });
    const [head, ...lines] = text.split("\n");
    expect(head).toBe("PUT /nodes/pve1/qemu/100/config on alpha was not sent: 3 parameters are wrong:");
    expect(lines.slice(0, 3).sort()).toEqual([
      '- cores is "0"; valid: an integer of at least 1',
      "- memroy is unknown; did you mean memory?",
      '- onboot is "perhaps"; valid: true or false (1 or 0)',
    ]);
    expect(lines[3]).toStartWith("PUT /nodes/{node}/qemu/{vmid}/config  ");
  });

  test("values in the path are judged, too, by the same name as in the signature", async () => {
    const { text, sent } = await call("GET", "/nodes/pve1/qemu/12/config");
    expect(text).toContain("- vmid is");
    expect(sent).toEqual([]);
  });

  test("an unknown path gets the nearest ones with their methods", async () => {
    const { text, isError, sent } = await call("GET", "/nodes/pve1/qemu/100/confg");
    expect({ isError, sent }).toEqual({ isError: true, sent: [] });
    expect(text).toMatch(
      /^GET \/nodes\/pve1\/qemu\/100\/confg on alpha was not sent: Proxmox VE \S+ has no such path\. Nearest: \/nodes\/\{node\}\/qemu\/\{vmid\}\/config \(GET, PUT\);/,
    );
  });

  test("a path without this method gets those that it has", async () => {
    const { text, sent } = await call("PUT", "/nodes/pve1/qemu/100/status/start");
    expect(text).toBe(
      "PUT /nodes/pve1/qemu/100/status/start on alpha was not sent: /nodes/{node}/qemu/{vmid}/status/start has no PUT, only POST.",
    );
    expect(sent).toEqual([]);
  });

  test("a guest's short path is judged as the path that it stands for", async () => {
    const { text } = await call("PUT", "/guests/100/config", { memroy: 512 });
    expect(text).toContain("PUT /nodes/pve1/qemu/100/config on alpha was not sent: 1 parameter is wrong:");
  });

  test("what is right is sent once, and nothing is said of the check", async () => {
    const { text, isError, sent } = await call("PUT", "/nodes/pve1/qemu/100/config", { description: "checked" });
    expect({ isError, sent }).toEqual({ isError: false, sent: ["PUT /api2/json/nodes/pve1/qemu/100/config"] });
    expect(text).not.toContain("unchecked");
  });

  test("the policy speaks first", async () => {
    const { text } = await call("PUT", "/nodes/pve1/qemu/100/config", { memroy: 1 }, "narrow");
    expect(text).toContain("allow does not list it. Set in ");
    expect(text).not.toContain("memroy");
  });

  test("proxmox_api_read checks each of its requests", async () => {
    const requests = ["/nodes", "/nodez", { path: "/cluster/resources", data: { tpye: "vm" } }].map((it) => ({
      ...(typeof it === "string" ? { path: it } : it),
      cluster: "alpha",
    }));
    const { text } = await client.call("proxmox_api_read", { requests });
    expect(text).toContain("GET /nodez on alpha was not sent: Proxmox VE");
    expect(text).toContain("- tpye is unknown; did you mean type?");
    expect(text).toContain("pve1");
  });

  test("the command line checks, too", async () => {
    const { code, stderr } = await runProduct(["call", "get", "/nodez", "--cluster", "alpha", "--config", config.path]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("has no such path. Nearest: /nodes (GET)"),
    });
  });
});

describe("what Proxmox refuses", () => {
  test.each([
    [
      "another node",
      "/nodes/pve2/qemu/100/config",
      "Guest 100 is on pve1, a virtual machine: GET /nodes/pve1/qemu/100/config",
    ],
    [
      "a node that does not exist",
      "/nodes/pve9/qemu/100/config",
      "Guest 100 is on pve1, a virtual machine: GET /nodes/pve1/qemu/100/config",
    ],
    [
      "the other kind",
      "/nodes/pve1/lxc/100/config",
      "Guest 100 is on pve1, a virtual machine: GET /nodes/pve1/qemu/100/config",
    ],
  ])("comes with the guest's real place: %s", async (_, path, hint) => {
    const { text, isError } = await call("GET", path);
    expect(isError).toBe(true);
    expect(text.split("\n").at(-1)).toBe(hint);
  });

  test("says so where a guest's real kind has nothing like it", async () => {
    const { text } = await call("GET", "/nodes/pve1/lxc/100/interfaces");
    expect(text).toContain("Guest 100 is on pve1, a virtual machine, which does not support this GET");
  });

  test("keeps its own hint where nobody knows such a guest, and where the list is withheld", async () => {
    for (const [path, cluster] of [
      ["/nodes/pve1/qemu/9999/config", "alpha"],
      ["/nodes/pve2/qemu/100/config", "narrow"],
    ] as const) {
      const { text } = await call("GET", path, undefined, cluster);
      expect(text).toContain("It may run on another node");
      expect(text).not.toContain("is on pve1");
    }
  });

  test("comes with the signature where a parameter was at fault", async () => {
    const { text } = await call("GET", "/cluster/nextid", { vmid: 100 });
    expect(text).toContain("400, Parameter verification failed: vmid: VM 100 already exists");
    expect(text).toEndWith("\nGET /cluster/nextid  vmid");
  });
});

/** A schema of some paths, as a host serves it. */
function scriptOf(...paths: string[]): string {
  const nodes = paths.map((path) => ({ path, info: { GET: { description: "Reads.", method: "GET" } } }));
  return `const apiSchema = ${JSON.stringify(nodes)}\n;\nlet viewer;\n`;
}

describe("a cluster's schema", () => {
  const request = { method: "GET", path: ["new"], checked: true } as const;

  async function guardedServer(behaviour: Behaviour, library?: SchemaCache) {
    const server = await startRawServer(behaviour);
    return {
      server,
      proxmox: guarded([clusterAt([server.url])], library === undefined ? {} : { library }),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  test("that is not served lets requests pass, and the answer says so", async () => {
    await using it = await guardedServer((socket, { target }) =>
      (target === page ? reply(404, "Not Found", "") : replyData({ version: "9.1.3" }))(socket, { target } as never),
    );
    const { unchecked, cluster } = await it.proxmox.request(undefined, request);
    expect(unchecked).toBe(
      `sent unchecked: ${cluster} does not serve its API schema (${it.server.url}${page} answered 404)`,
    );
  });

  test("that does not come holds up no read of a tool's own, and a checked one for about a second", async () => {
    await using it = await guardedServer((socket, request) => {
      if (request.target === page) return;
      replyData({ version: "9.1.3" })(socket, request);
    });
    const start = performance.now();
    await it.proxmox.request(undefined, { ...request, checked: false });
    expect(performance.now() - start).toBeLessThan(500);
    const { unchecked } = await it.proxmox.request(undefined, request);
    expect(unchecked).toContain("still loading");
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test("begins with the first segments, and / passes all the same: Proxmox lists them there", async () => {
    await using it = await guardedServer((socket, asked) => {
      if (asked.target === page) return reply(200, "OK", scriptOf("/version"))(socket, asked);
      replyData({ version: "9.1.3" })(socket, asked);
    });
    expect((await it.proxmox.request(undefined, { ...request, path: [] })).unchecked).toBeUndefined();
  });

  test("is not asked for anew by every refusal", async () => {
    await using it = await guardedServer((socket, asked) => {
      if (asked.target === page) return reply(200, "OK", scriptOf("/version"))(socket, asked);
      replyData({ version: "9.1.3" })(socket, asked);
    });
    for (let round = 0; round < 3; round++) {
      await expect(it.proxmox.request(undefined, request)).rejects.toBeInstanceOf(CheckRefusal);
    }
    expect(it.server.requests.map(({ target }) => target)).toEqual(["/api2/json/version", page]);
  });

  test("refuses only by what is not older than a minute: an upgrade brings new paths", async () => {
    let [version, script] = ["9.1.3", scriptOf("/version")];
    await using it = await guardedServer(
      (socket, asked) => {
        if (asked.target === page) return reply(200, "OK", script)(socket, asked);
        replyData({ version })(socket, asked);
      },
      new SchemaCache({ recentMs: 0 }),
    );
    await expect(it.proxmox.request(undefined, request)).rejects.toThrow("Proxmox VE 9.1.3 has no such path");
    [version, script] = ["9.2.0", scriptOf("/version", "/new")];
    expect((await it.proxmox.request(undefined, request)).unchecked).toBeUndefined();
    await expect(it.proxmox.request(undefined, { ...request, path: ["newer"] })).rejects.toThrow("9.2.0");
  });
});

describe.each((await loadSources()).map((source) => [source.name, source] as const))("%s", (_, { schema, whole }) => {
  test("every endpoint is checked before anything is sent", async () => {
    const nodes = schema.templates.map((path) => ({
      path,
      info: Object.fromEntries(
        schema.methods(path).map((method) => {
          const { parameters: properties, additional } = schema.endpoint(method, path) ?? {};
          return [method, { method, parameters: { properties, additionalProperties: additional ? 1 : 0 } }];
        }),
      ),
    }));
    const script = Bun.gzipSync(`const apiSchema = ${JSON.stringify(nodes)}\n;\n`);
    await using host = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) => {
        if (url.endsWith(page)) return new Response(script, { headers: { "content-encoding": "gzip" } });
        return url.endsWith("/version") ? Response.json({ data: { version: schema.version } }) : new Response("sent");
      },
    });
    const proxmox = guarded([clusterAt([host.url.origin])]);
    await proxmox.schema("prod", AbortSignal.timeout(5000));
    const texts: string[] = [];
    for (const { method, template } of schema.names()) {
      const path = parsePath(template.replaceAll(/\{\w+\}/g, "x1"));
      const params = { "no-such-name": 1 };
      // Those are sent nowhere, however well they are written.
      if (classify({ method, path }).class === "refused") continue;
      // Some take whatever name comes.
      if (schema.endpoint(method, template)?.additional) continue;
      const error: unknown = await proxmox
        .request(undefined, { method, path, params, checked: true })
        .catch((it) => it);
      expect(error).toBeInstanceOf(CheckRefusal);
      texts.push((error as CheckRefusal).message);
      expect(texts.at(-1)).toContain("\n- no-such-name is unknown");
      expect(texts.at(-1)).toContain(`\n${method} ${template}`);
    }
    expect(texts.length).toBeGreaterThan(whole ? 600 : 50);
  });
});
