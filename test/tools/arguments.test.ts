import { afterAll, beforeAll, expect, test } from "bun:test";
import { agreeable, httpClient, type McpClient } from "../support/clients.ts";
import { type Product, startProduct } from "../support/product.ts";

let product: Product;
let client: McpClient;

beforeAll(async () => {
  product = await startProduct(["--demo"]);
  client = await httpClient({ url: product.url, human: agreeable });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
});

async function refusal(name: string, args: Record<string, unknown>): Promise<string> {
  const { text, isError } = await client.call(name, args);
  expect(isError).toBe(true);
  return text;
}

async function answer(name: string, args: Record<string, unknown>): Promise<string> {
  const { text, isError } = await client.call(name, args);
  expect({ isError, text }).toEqual({ isError: false, text });
  return text;
}

test("an argument that a client adds on its own is dropped", async () => {
  expect(await answer("list_nodes", { wait_for_previous: true })).toContain("pve1");
});

test("null counts as not given", async () => {
  expect(await answer("list_nodes", { cluster: null })).toContain("pve1");
});

test("every wrong argument is named at once, with the valid ones", async () => {
  expect(await refusal("get_cluster_resources", { kluster: "alpha", type: "vms", limit: 5000 })).toMatchInlineSnapshot(
    `"get_cluster_resources: there is no argument "kluster". Did you mean "cluster"? type must be one of vm, qemu, lxc, node, storage, pool, sdn. limit: at most 1,000, got 5,000. Valid arguments: cluster, type, search, sort, fields, limit, cursor."`,
  );
  expect(await refusal("proxmox_api_call", { cluster: "alpha", method: "PATCH" })).toMatchInlineSnapshot(
    `"proxmox_api_call: path is missing. method must be one of GET, POST, PUT, DELETE. Valid arguments: cluster, path, method, data, consent."`,
  );
  expect(await refusal("list_clusters", { cluster: "alpha" })).toMatchInlineSnapshot(
    `"list_clusters: there is no argument "cluster". It takes no arguments."`,
  );
});

test("an error says of which kind a value must be", async () => {
  const kinds = { search: 5, sort: [], fields: [{}], limit: "many" };
  expect(await refusal("get_cluster_resources", kinds)).toMatchInlineSnapshot(
    `"get_cluster_resources: search must be a string. sort must be a string. fields.0 must be a string. limit must be a number. Valid arguments: cluster, type, search, sort, fields, limit, cursor."`,
  );
  expect(await refusal("get_cluster_resources", { fields: {}, limit: 1.5 })).toMatchInlineSnapshot(
    `"get_cluster_resources: fields must be a list. limit must be a whole number. Valid arguments: cluster, type, search, sort, fields, limit, cursor."`,
  );
  expect(await refusal("proxmox_api_read", { requests: [5, { cluster: "alpha" }] })).toMatchInlineSnapshot(
    `"proxmox_api_read: requests.0 must be an object. requests.1.path is missing. Valid arguments: requests, fields, limit."`,
  );
});

test("a cluster is never guessed: a wrong or missing one gets the names", async () => {
  expect(await refusal("proxmox_api_call", { method: "GET", path: "/version" })).toMatchInlineSnapshot(
    `"Several clusters are configured and none was named. Pass cluster as one of: "alpha", "beta"."`,
  );
  expect(await refusal("list_nodes", { cluster: "alhpa" })).toMatchInlineSnapshot(
    `"There is no cluster "alhpa". Did you mean "alpha"? Pass cluster as one of: "alpha", "beta"."`,
  );
  expect(await refusal("proxmox_api_call", { cluster: "*", method: "GET", path: "/version" })).toMatchInlineSnapshot(
    `"There is no cluster "*". Pass cluster as one of: "alpha", "beta"."`,
  );
});

test("a path goes with or without a leading slash or /api2/json", async () => {
  for (const path of ["/version", "version", "/api2/json/version", "api2/json/version"]) {
    expect(await answer("proxmox_api_call", { cluster: "beta", method: "get", path })).toContain('"version":"8.4.21"');
  }
});

test("a method before the path is understood, and never guessed at where it is another", async () => {
  const call = { cluster: "beta", path: "GET /version" };
  expect(await answer("proxmox_api_call", call)).toContain('"version":"8.4.21"');
  expect(await refusal("proxmox_api_call", { ...call, path: "delete /pools" })).toMatchInlineSnapshot(
    `"Nothing was sent: the path begins with DELETE, and the method is GET. Pass the one that is meant as method, and the path alone."`,
  );
});

test("no data is written as an empty text or as null, too", async () => {
  for (const data of ["", "  ", "null", "{}"]) {
    const call = { cluster: "beta", path: "/version", data };
    expect(await answer("proxmox_api_call", call)).toContain('"version":"8.4.21"');
  }
});

test("each method's parameters go where Proxmox wants them", async () => {
  const api = (method: string, path: string, data?: unknown) =>
    answer("proxmox_api_call", {
      cluster: path.includes("bpve") ? "beta" : "alpha",
      method,
      path,
      ...(data !== undefined && { data }),
    });
  expect(await api("GET", "/cluster/resources", { type: "node" })).not.toContain("web-01");
  const config = "/nodes/pve2/qemu/111/config";
  await api("PUT", config, { description: "a;b=c+d & ünïcode ✓", onboot: false, tags: ["x", "y"] });
  const changed = JSON.parse(await api("GET", config)).data;
  expect(changed).toMatchObject({ description: "a;b=c+d & ünïcode ✓", onboot: 0, tags: "x;y" });
  await api("PUT", config, { delete: ["description", "tags"] });
  expect(Object.keys(JSON.parse(await api("GET", config)).data)).not.toContain("description");
  await api("POST", "/pools", '{"poolid": "made-here"}');
  expect(await api("GET", "/pools")).toContain("made-here");
  expect(await api("DELETE", "/nodes/bpve/qemu/105", { purge: true })).toContain("qmdestroy:105");
});

test("data that no parameter can be is refused by its name", async () => {
  const call = (data: unknown) =>
    refusal("proxmox_api_call", { cluster: "alpha", method: "PUT", path: "/cluster/options", data });
  expect(await call({ description: null })).toMatchInlineSnapshot(
    `"The parameter "description" is null; leave it out, or unset it with Proxmox's "delete" parameter."`,
  );
  expect(await call({ migration: { type: "secure" } })).toMatchInlineSnapshot(
    `"The parameter "migration" is an object; Proxmox takes a string such as "virtio,bridge=vmbr0", a number, a boolean or a list of these."`,
  );
  expect(await call("keyboard=de")).toMatchInlineSnapshot(
    `"The parameters must be an object such as {"memory": 2048}, not a string."`,
  );
});

test("an unknown tool is a protocol error that names the tools", async () => {
  await expect(client.call("list_vms")).rejects.toThrow(/no tool "list_vms".*list_nodes/s);
});
