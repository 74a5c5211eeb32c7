import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { httpClient, type McpClient, modernClient, sseClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RawServer, reply, replyData, startRawServer } from "../support/raw-server.ts";

let demo: Product;
let client: McpClient;

beforeAll(async () => {
  demo = await startProduct(["--demo"]);
  client = await httpClient(demo);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await demo.stop();
});

describe("search_api", () => {
  const search = async (args: Record<string, unknown>) => await client.call("search_api", args);

  test("finds by plain words, the best with their parameters", async () => {
    const { text, isError } = await search({ query: "grow disk of a vm" });
    expect(isError).toBe(false);
    const [first = "", ...others] = text.split("\n");
    expect(first).toStartWith("PUT /nodes/{node}/qemu/{vmid}/resize  disk* size*(+1G or 20G)");
    expect(others).toHaveLength(7);
  });

  test("eight results cost about 300 tokens", async () => {
    for (const query of ["start a container", "who may log in", "back up a vm", "give it more memory"]) {
      const { text } = await search({ query });
      expect(Buffer.byteLength(text) / 4).toBeLessThan(375);
    }
  });

  test("takes a method in any letters, and a limit", async () => {
    const { text } = await search({ query: "snapshot", method: "delete", limit: 1 });
    expect(text).toMatch(/^DELETE \S+\/snapshot\/\{snapname\}[^\n]*$/);
  });

  test("says what to do when nothing is found, and what a wrong cluster would have been", async () => {
    expect((await search({ query: "xyzzyqwert" })).text).toBe(
      'Nothing found for "xyzzyqwert". Try other words, or fewer.',
    );
    const wrong = await search({ query: "disk", cluster: "alhpa" });
    expect(wrong.isError).toBe(true);
    expect(wrong.text).toContain('Pass cluster as one of: "alpha", "beta".');
  });

  test("answers every kind of client alike", async () => {
    const answers = [];
    for (const connect of [sseClient, modernClient]) {
      await using other = await connect(demo);
      answers.push((await other.call("search_api", { query: "grow disk" })).text);
    }
    expect(new Set([...answers, (await search({ query: "grow disk" })).text]).size).toBe(1);
  });
});

describe("describe_api", () => {
  const ask = async (args: Record<string, unknown>) => await client.call("describe_api", args);

  test("takes real values, templates, a prefix, and the method before the path", async () => {
    const expected = await ask({ path: "/nodes/{node}/qemu/{vmid}/resize", method: "PUT" });
    expect(expected.text).toStartWith("PUT /nodes/{node}/qemu/{vmid}/resize\n");
    for (const path of [
      "/nodes/pve1/qemu/104/resize",
      "api2/json/nodes/x/qemu/104/resize",
      "PUT /nodes/a/qemu/1/resize",
    ]) {
      expect((await ask({ path })).text).toBe(expected.text);
    }
  });

  test("tells privileges, parameters and the task", async () => {
    const { text } = await ask({ path: "/nodes/pve1/qemu/104/resize" });
    expect(text).toContain("Needs VM.Config.Disk on /vms/{vmid}.");
    expect(text).toMatch(/^disk\*: /m);
    expect(text).toMatch(/^size\*: \+1G or 20G - /m);
    expect(text).toContain("Returns the task's UPID.");
  });

  test("tells all methods of a path, or one, or some parameters only", async () => {
    const all = await ask({ path: "/nodes/pve1/qemu/104/config" });
    for (const method of ["GET", "PUT"]) {
      expect(all.text).toContain(`${method} /nodes/{node}/qemu/{vmid}/config`);
    }
    const some = await ask({ path: "/nodes/pve1/qemu/104/config", method: "PUT", params: "net*" });
    expect(some.text).toMatch(/^PUT \S+\nnet\[n\]: [^\n]*$/);
    // Methods that have none of them are left out, unless none has any.
    expect((await ask({ path: "/nodes/pve1/qemu/104/config", params: "net*" })).text).not.toContain("GET /nodes");
    expect((await ask({ path: "/nodes/pve1/qemu/104/config", params: "nte*" })).text).toContain(
      "There is no parameter nte*",
    );
  });

  test("a guest's short path is told for VMs, and says what it is for containers", async () => {
    const { text } = await ask({ path: "/guests/web/config", method: "PUT" });
    expect(text).toStartWith("PUT /nodes/{node}/qemu/{vmid}/config");
    expect(text).toContain("For containers it is /nodes/{node}/lxc/{vmid}/config");
    expect((await ask({ path: "/guests/101/interfaces" })).text).toStartWith("GET /nodes/{node}/lxc/{vmid}/interfaces");
  });

  test("slices by nothing are no slices, and / says where paths begin", async () => {
    const path = "/nodes/{node}/qemu/{vmid}/resize";
    expect((await ask({ path, params: " " })).text).toBe((await ask({ path })).text);
    expect((await ask({ path: "/" })).text).toMatch(/^\/ only lists where paths begin: .*\/nodes.*search_api/);
  });

  test("a path or a method that does not exist gets those that do", async () => {
    const path = await ask({ path: "/nodes/pve1/qemu/104/start" });
    expect(path.isError).toBe(true);
    expect(path.text).toContain("Nearest: /nodes/{node}/qemu/{vmid}/status/start (POST)");
    const method = await ask({ path: "/cluster/nextid", method: "PUT" });
    expect(method.isError).toBe(true);
    expect(method.text).toBe("There is no PUT /cluster/nextid; it has GET.");
  });
});

describe("clusters that differ", () => {
  let hosts: RawServer[];
  let config: ConfigFile;
  let product: Product;
  let fleet: McpClient;

  const host = async (version: string, nodes: object[] | undefined) =>
    await startRawServer((socket, request) => {
      if (request.target === "/api2/json/version") return replyData({ version })(socket, request);
      if (nodes === undefined) return reply(404, "Not Found", "")(socket, request);
      reply(200, "OK", `const apiSchema = ${JSON.stringify(nodes)};`)(socket, request);
    });
  const node = (path: string, method: string, description: string, ...names: string[]) => ({
    path,
    info: {
      [method]: {
        description,
        parameters: { properties: Object.fromEntries(names.map((name) => [name, { type: "string", optional: 1 }])) },
      },
    },
  });

  beforeAll(async () => {
    hosts = [
      await host("9.1.3", [
        node("/rules", "POST", "Create affinity rule."),
        node("/both", "GET", "Both.", "same", "fresh"),
      ]),
      await host("8.4.2", [node("/groups", "POST", "Create affinity group."), node("/both", "GET", "Both.", "same")]),
      await host("9.2.1", undefined),
    ];
    const [alpha, beta, gamma] = hosts.map(({ url }) => ({ url, user: "a@pve", token_id: "t", token_secret: "s" }));
    config = await configFile({ clusters: { alpha, beta, gamma } });
    product = await startProduct(["--config", config.path]);
    fleet = await httpClient(product);
  });

  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
    await product.stop();
    for (const server of [...hosts, config]) await server[Symbol.asyncDispose]();
  });

  test("no schema is read before it is needed", () => {
    expect(hosts.flatMap(({ requests }) => requests)).toEqual([]);
  });

  test("what only some have says so, in a search and in a description", async () => {
    const { text } = await fleet.call("search_api", { query: "create affinity" });
    expect(text).toContain("POST /rules - Create affinity rule. - not on beta (8.4)");
    expect(text).toContain("POST /groups - Create affinity group. - only on beta (8.4)");
    expect((await fleet.call("describe_api", { path: "/rules" })).text).toContain("Not on beta (8.4).");
    expect((await fleet.call("describe_api", { path: "/both" })).text).toContain("Not on beta (8.4): fresh.");
    const missing = await fleet.call("describe_api", { path: "/rules", cluster: "beta" });
    expect(missing.isError).toBe(true);
    expect(missing.text).toContain("/rules is there only from 9.1 on: alpha (9.1) has it, beta (8.4) does not.");
    expect((await fleet.call("describe_api", { path: "/both", cluster: "beta" })).text).not.toContain("fresh");
  });

  test("a cluster that serves none is named beside the others' answer, and alone it says what works without", async () => {
    const { text: beside } = await fleet.call("describe_api", { path: "/both" });
    expect(beside).toStartWith("GET /both\n");
    expect(beside).toContain("The API's description of gamma cannot be read");
    const lone = await configFile({
      clusters: { gamma: { url: hosts[2]?.url, user: "a@pve", token_id: "t", token_secret: "s" } },
    });
    const other = await startProduct(["--config", lone.path]);
    await using alone = await httpClient(other);
    const { text, isError } = await alone.call("search_api", { query: "disk" });
    expect(isError).toBe(true);
    expect(text).toContain("answered 404");
    expect(text).toContain("proxmox_api_call work without it");
    await other.stop();
    await lone[Symbol.asyncDispose]();
  });

  test("one that refuses the token says what to do about the token, and does not advise to reinstall pve-docs", async () => {
    await using refusing = await startRawServer(reply(401, "invalid token value!", ""));
    await using file = await configFile({
      clusters: { delta: { url: refusing.url, user: "a@pve", token_id: "t", token_secret: "s" } },
    });
    await using product = await startProduct(["--config", file.path]);
    await using client = await httpClient(product);
    const { text, isError } = await client.call("search_api", { query: "disk" });
    expect(isError).toBe(true);
    expect(text).toContain("401, the token a@pve!t was refused");
    expect(text).toContain("pveum user token");
    expect(text).not.toContain("pve-docs");
  });
});
