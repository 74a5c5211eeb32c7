import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";
import { type RawServer, replyData, startRawServer } from "../support/raw-server.ts";

const guest = (vmid: number | string, name: string | undefined, type: string, node: string, status = "running") => ({
  id: `${type}/${vmid}`,
  ...{ vmid, name, type, node, status },
});

/** What the raw cluster lists; tests may change it. */
const usual: readonly unknown[] = [
  guest(100, "web", "qemu", "pve1"),
  guest(101, "web", "lxc", "pve2", "stopped"),
  guest("102", "db-main", "lxc", "pve2"),
  guest(103, "100", "qemu", "pve1"),
  guest(120, undefined, "qemu", "pve3", "unknown"),
  guest(130, "evil", "qemu", "../pve1"),
  guest(131, "sneaky", "qemu", "localhost"),
  { id: "node/pve1", type: "node", node: "pve1", name: "db-node", vmid: 102 },
];

let list: unknown;
let proxmox: RawServer;
let demo: DemoServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  list = usual;
  proxmox = await startRawServer((socket, request) => {
    replyData(request.target.startsWith("/api2/json/cluster/resources") ? list : null)(socket, request);
  });
  const [alpha] = createDemo({ offlineDelayMs: 0, authDelayMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  demo = await serveDemo(alpha);
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const raw = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "full" };
  config = await configFile({
    clusters: {
      raw,
      reads: { ...raw, access: "read-only" },
      denied: { ...raw, deny: ["* /nodes/{node}/lxc/102/**"] },
      allowed: { ...raw, allow: ["GET /nodes/pve1/qemu/100/**"] },
      alpha: { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret },
    },
  });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await Promise.all([demo.stop(), proxmox[Symbol.asyncDispose](), config[Symbol.asyncDispose]()]);
});

/** Calls, and gives what reached Proxmox beside, but for the version that schemas are kept by. */
async function call(cluster: string, path: string, method = "GET") {
  const before = proxmox.requests.length;
  const answer = await client.call("proxmox_api_call", { cluster, path, method });
  const sent = proxmox.requests
    .slice(before)
    .filter(({ target }) => target.startsWith("/api2/json/") && target !== "/api2/json/version")
    .map((request) => `${request.method} ${request.target.replace("/api2/json", "")}`);
  return { ...answer, sent };
}

const lookup = "GET /cluster/resources?type=vm";

describe("/guests/...", () => {
  test.each([
    ["GET", "/guests/102/config", "/nodes/pve2/lxc/102/config"],
    ["GET", "/guests/db-main/config", "/nodes/pve2/lxc/102/config"],
    ["POST", "/guests/db-main/status/start", "/nodes/pve2/lxc/102/status/start"],
    ["DELETE", "guests/100", "/nodes/pve1/qemu/100"],
    ["GET", "/guests/%31%30%30/agent/info", "/nodes/pve1/qemu/100/agent/info"],
    ["GET", "/guests/120/config", "/nodes/pve3/qemu/120/config"],
    ["DELETE", "/guests/102/firewall/ipset/x/10.0.0.0/8", "/nodes/pve2/lxc/102/firewall/ipset/x/10.0.0.0%2F8"],
  ])("%s %s is looked up once, sent to the real path, and the answer names that", async (method, path, real) => {
    const { text, isError, sent } = await call("raw", path, method);
    expect({ isError, sent }).toEqual({ isError: false, sent: [lookup, `${method} ${real}`] });
    expect(JSON.parse(text)).toMatchObject({ cluster: "raw", path: decodeURIComponent(real), data: null });
  });

  test("digits are a VMID, even where a guest has them for a name", async () => {
    expect((await call("raw", "/guests/100/config")).sent).toContain("GET /nodes/pve1/qemu/100/config");
  });

  test("is looked up anew by every call: guests move", async () => {
    await call("raw", "/guests/102/config");
    list = [guest(102, "db-main", "lxc", "pve9")];
    const moved = await call("raw", "/guests/102/config");
    list = usual;
    expect(moved.sent).toEqual([lookup, "GET /nodes/pve9/lxc/102/config"]);
  });

  test("a name that two guests have is answered with both, and nothing is sent", async () => {
    const { text, isError, sent } = await call("raw", "/guests/web/status/stop", "POST");
    expect({ isError, sent }).toEqual({ isError: true, sent: [lookup] });
    // In one order, whatever order Proxmox lists them in.
    list = [...usual].reverse();
    const reversed = await call("raw", "/guests/web/status/stop", "POST");
    list = usual;
    expect(reversed.text).toBe(text);
    expect(text).toBe(
      '/guests/web/status/stop on raw was not sent: 2 guests are called "web"; write the VMID of the one that is meant: 100 (web, qemu on pve1, running); 101 (web, lxc on pve2, stopped).',
    );
  });

  test("a name in other letters is the same name, unless another guest has it letter for letter", async () => {
    list = [...usual, guest(140, "DB-main", "qemu", "pve1")];
    const targets = async (word: string) => (await call("raw", `/guests/${word}/config`)).sent.slice(1);
    expect(await targets("db-main")).toEqual(["GET /nodes/pve2/lxc/102/config"]);
    expect(await targets("DB-main")).toEqual(["GET /nodes/pve1/qemu/140/config"]);
    expect((await call("raw", "/guests/DB-MAIN/config")).text).toContain('2 guests are called "DB-MAIN"');
    list = usual;
    expect(await targets("DB-MAIN")).toEqual(["GET /nodes/pve2/lxc/102/config"]);
  });

  test("a name that none has is answered with the nearest, and those that have none", async () => {
    for (const word of ["db-mian", "main"]) {
      const { text, isError, sent } = await call("raw", `/guests/${word}/config`);
      expect({ isError, sent }).toEqual({ isError: true, sent: [lookup] });
      expect(text).toContain(`there is no guest called "${word}", or the token may not see it (VM.Audit).`);
      expect(text).toContain("Nearest: 102 (db-main, lxc on pve2, running).");
      expect(text).toContain("reached by VMID: 120 (qemu on pve3, unknown).");
    }
    const vmid = await call("raw", "/guests/1020/config");
    expect(vmid.text).toContain("there is no guest with VMID 1020");
    expect(vmid.text).toContain("102 (db-main, lxc on pve2, running)");
  });

  test.each([
    "/guests",
    "/guests/{vmid}/config",
    "/guests/131/config",
    "/guests/130/config",
    "/guests/evil",
    "/guests/../nodes",
  ])("%s reaches nothing", async (path) => {
    const { isError, sent } = await call("raw", path);
    expect(isError).toBe(true);
    expect(sent.filter((request) => request !== lookup)).toEqual([]);
  });

  test("what answers with no list is told, not stumbled over", async () => {
    list = { toString: 1 };
    const { text, isError } = await call("raw", "/guests/100");
    list = usual;
    expect(isError).toBe(true);
    expect(text).toContain("something else than a list of guests");
  });
});

describe("the policy judges the real path", () => {
  test("access, deny and allow hold for the short path as for the long one", async () => {
    for (const [cluster, path, method, setting] of [
      ["reads", "/guests/100/status/stop", "POST", 'access "read-only"'],
      ["reads", "/guests/100/agent/file-read", "GET", "it reads a file inside the guest"],
      ["denied", "/guests/db-main/config", "GET", 'deny contains "* /nodes/{node}/lxc/102/**"'],
      ["allowed", "/guests/102/config", "GET", "allow does not list it"],
    ] as const) {
      const { text, isError, sent } = await call(cluster, path, method);
      expect({ path, isError, sent }).toEqual({ path, isError: true, sent: [lookup] });
      expect(text).toContain(setting);
      expect(text).toContain(`${method} /nodes/`);
    }
    expect((await call("denied", "/guests/100/config")).isError).toBe(false);
    expect((await call("allowed", "/guests/100/config")).isError).toBe(false);
  });

  test("where a setting withholds the list of guests, errors name none of it", async () => {
    const unknown = await call("allowed", "/guests/db-mian/config");
    expect(unknown.text).toEndWith('there is no guest called "db-mian", or the token may not see it (VM.Audit).');
    const twice = await call("allowed", "/guests/web/config");
    expect(twice.text).toEndWith('2 guests are called "web"; write the VMID of the one that is meant.');
  });
});

describe("over the demo", () => {
  test("a guest of an offline node is found by VMID; Proxmox then says that its node is off", async () => {
    const { text } = await client.call("proxmox_api_call", { cluster: "alpha", path: "/guests/120/config" });
    expect(text).toContain("GET /nodes/pve3/qemu/120/config on alpha: 595");
  });

  test("a table says what the path was resolved to", async () => {
    const { text } = await client.call("proxmox_api_call", { cluster: "alpha", path: "/guests/web-01/snapshot" });
    expect(text).toStartWith("1 row on alpha, /nodes/pve1/qemu/100/snapshot\n");
  });

  test("describe_api tells a VM's endpoint from a container's, and both where it cannot know", async () => {
    const ask = async (path: string) =>
      (await client.call("describe_api", { cluster: "alpha", path, method: "PUT" })).text;
    expect(await ask("/guests/dns-1/config")).toStartWith(
      "/guests/dns-1/config is /nodes/pve1/lxc/200/config.\nPUT /nodes/{node}/lxc/{vmid}/config",
    );
    for (const path of ["/guests/nobody/config", "/guests/{vmid}/config"]) {
      expect(await ask(path)).toMatch(/^PUT \/nodes\/\{node\}\/qemu(.|\n)*For containers it is/);
    }
  });

  test("the command `call` takes it, and says on stderr what it was", async () => {
    const words = ["get", "/guests/web-01/status/current", "--cluster", "alpha", "--config", config.path];
    const { code, stdout, stderr } = await runProduct(["call", ...words]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining("/guests/web-01/status/current is /nodes/pve1/qemu/100/status/current."),
    });
    expect(JSON.parse(stdout)).toMatchObject({ vmid: 100, name: "web-01" });
    const wrong = await runProduct(["call", "get", "/guests/web-1", "--cluster", "alpha", "--config", config.path]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("Nearest: 100 (web-01, qemu on pve1, running)");
  });
});
