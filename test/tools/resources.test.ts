import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createDemo, type DemoCluster } from "../../src/demo/index.ts";
import { ToolFailure } from "../../src/tools/failure.ts";
import { matches, readQuery } from "../../src/tools/resources/query.ts";
import { foldShared, type Resource } from "../../src/tools/resources/resource.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, startProduct } from "../support/product.ts";
import { closedPort, replyData, startRawServer } from "../support/raw-server.ts";

let demos: readonly DemoServer[];
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  const { clusters } = createDemo({ authDelayMs: 0, offlineDelayMs: 0, guests: 250 });
  demos = await Promise.all(clusters.map((cluster) => serveDemo(cluster)));
  const entry = ({ credentials: { user, tokenId, tokenSecret } }: DemoCluster, index: number) => ({
    url: demos[index]?.url,
    user,
    token_id: tokenId,
    token_secret: tokenSecret,
  });
  config = await configFile({
    clusters: Object.fromEntries(clusters.map((cluster, index) => [cluster.name, entry(cluster, index)])),
  });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await Promise.all([...demos.map((demo) => demo.stop()), config[Symbol.asyncDispose]()]);
});

async function ask(args: Record<string, unknown> = {}): Promise<string> {
  const { text, isError } = await client.call("get_cluster_resources", args);
  expect({ isError, text }).toEqual({ isError: false, text });
  return text;
}

/** The rows of the guests' table, as objects of its columns. */
function guestsIn(text: string): Record<string, string>[] {
  const [, block = ""] = /(?:^|\n)Guests[^\n]*\n([\s\S]*?)(?:\n\n|$)/.exec(text) ?? [];
  const [header = "", ...rows] = block.split("\n").filter((line) => line !== "");
  const names = header.split("\t");
  return rows.map((row) => Object.fromEntries(row.split("\t").map((cell, index) => [names[index] ?? "", cell])));
}

describe("500 guests on 2 clusters", () => {
  test("fit 30,000 bytes by one request to each cluster, a summary first", async () => {
    const before = demos.map(({ requests }) => requests.length);
    const text = await ask({ type: "vm", limit: 500 });
    expect(guestsIn(text)).toHaveLength(500);
    expect(Buffer.byteLength(text)).toBeLessThan(30_000);
    const sent = demos.map(({ requests }, index) => requests.slice(before[index]).map(({ path }) => path));
    expect(sent).toEqual([["/api2/json/cluster/resources"], ["/api2/json/cluster/resources"]]);
    expect(text).toMatch(
      /^500 guests on 2 clusters: \d+ running, \d+ stopped, \d+ unknown \(node pve3 offline\)\. Figures are up to 10 s old\.\n/,
    );
  });

  test.each([
    ["a name", "web-0", (g: Record<string, string>) => g["name"]?.startsWith("web-0")],
    ["a VMID", "vmid:1017", (g: Record<string, string>) => g["vmid"] === "1017"],
    ["a tag", "tag:staging", (g: Record<string, string>) => g["tags"]?.includes("staging")],
    ["a node", "node:pve2", (g: Record<string, string>) => g["node"] === undefined || g["node"] === "pve2"],
    [
      "a state",
      "status:unknown",
      (g: Record<string, string>) => g["status"] === undefined || g["status"] === "unknown",
    ],
    ["load", "cpu>20 mem>40", (g: Record<string, string>) => Number.parseInt(g["cpu"] ?? "", 10) >= 20],
    [
      "what is left out",
      "type:lxc -status:running -tag:prod",
      (g: Record<string, string>) => !g["tags"]?.includes("prod"),
    ],
  ])("are searched by %s in one call", async (_, search, fits) => {
    const found = guestsIn(await ask({ type: "vm", search, limit: 500 }));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(300);
    expect(found.filter((guest) => fits(guest) !== true)).toEqual([]);
  });

  test("are sorted by a field, over all clusters", async () => {
    const loads = guestsIn(await ask({ type: "vm", search: "status:running", sort: "-cpu", limit: 30 })).map(
      ({ cpu }) => Number.parseInt(cpu ?? "", 10),
    );
    expect(loads).toHaveLength(30);
    expect(loads).toEqual(loads.toSorted((a, b) => b - a));
    const names = guestsIn(await ask({ type: "vm", search: "-status:unknown", sort: "name", limit: 40 })).map(
      ({ name }) => name ?? "",
    );
    expect(names).toEqual(names.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true })));
  });

  test("are paged through with the cursor, each once, also when one goes and one comes in between", async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 30; page++) {
      const text = await ask({
        type: "vm",
        limit: 60,
        fields: "cluster,vmid",
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...guestsIn(text).map(({ cluster, vmid }) => `${cluster}/${vmid}`));
      if (page === 2) await removeGuest("1002");
      cursor = /cursor (\S+)$/.exec(text)?.[1];
      if (cursor === undefined) break;
    }
    expect(seen).toHaveLength(new Set(seen).size);
    // One of the first pages was shown before it went.
    expect(seen.length).toBeWithin(499, 501);
  });

  async function removeGuest(vmid: string) {
    const { clusters } = createDemo();
    const [alpha] = clusters as readonly [DemoCluster];
    const { user, tokenId, tokenSecret } = alpha.credentials;
    await fetch(`${demos[0]?.url}/api2/json/nodes/pve3/lxc/${vmid}`, {
      method: "DELETE",
      headers: { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` },
    });
  }

  test("a page says how much is left, and a cursor fits its own question only", async () => {
    const text = await ask({ type: "vm", limit: 10 });
    const [, shown, all, cursor = ""] = /\n(\d+) of (\d+)\. For more: cursor (\S+)$/.exec(text) ?? [];
    expect([shown, Number(all) > 490]).toEqual(["10", true]);
    for (const [args, says] of [
      [{ type: "lxc", limit: 10, cursor }, "belongs to a list with other arguments"],
      [{ type: "vm", search: "web", cursor }, "belongs to a list with other arguments"],
      [{ type: "vm", cursor: "nonsense" }, "this is none that a list ended with"],
      [{ type: "vm", cursor: Buffer.from("[1,2]").toString("base64url") }, "this is none that a list ended with"],
    ] as const) {
      const answer = await client.call("get_cluster_resources", args);
      expect(answer).toEqual({ isError: true, text: expect.stringContaining(says) });
    }
  });
});

test("columns that hold nothing are left out, and what all rows share is said once", async () => {
  const text = await ask({ cluster: "beta", type: "lxc", search: "status:running" });
  expect(text).toMatch(/\nGuests, all: type lxc, status running, node bpve\nvmid\tname\tcpu\tmem\tuptime\ttags\n/);
});

test("a storage that nodes share is one row, whatever a silent node says of it", async () => {
  const text = await ask({ cluster: "alpha", type: "storage", search: "storage:backups" });
  expect(text).toMatch(
    /^Storage: 1\.\n\nStorage\nname\tnode\tstatus\ttype\tdisk\tcontent\nbackups\tpve1,pve2,pve3\tavailable\tdir\t13%\/252G\tbackup$/,
  );
  const row = (node: string, status: string): Resource => ({
    cluster: "a",
    type: "storage",
    id: `storage/${node}/s`,
    storage: "s",
    shared: 1,
    node,
    status,
  });
  expect(foldShared([row("n1", "unknown"), row("n2", "available"), row("n3", "unknown")])).toEqual([
    { ...row("n2", "available"), id: "storage/n1/s", node: "n1,n2,n3" },
  ]);
});

test("fields are those that were asked for, and a wrong one is answered with those there are", async () => {
  expect((await ask({ cluster: "beta", type: "lxc", fields: "name, pool, mem", limit: 1 })).split("\n")[3]).toBe(
    "name\tpool\tmem",
  );
  const { isError, text } = await client.call("get_cluster_resources", { fields: "memmory" });
  expect(isError).toBe(true);
  expect(text).toStartWith('fields: there is no field "memmory". Valid: cluster, vmid, type, name,');
  expect((await client.call("get_cluster_resources", { sort: "-statuss" })).text).toContain('Did you mean "status"?');
});

test("a dead cluster is said, and loses nobody else's rows; a type of a newer Proxmox has its row", async () => {
  await using proxmox = await startRawServer(replyData([{ id: "quantum/1", type: "quantum", status: "entangled" }]));
  const token = { user: "mcp@pve", token_id: "t", token_secret: "s" };
  await using file = await configFile({
    clusters: {
      fresh: { url: proxmox.url, ...token },
      dead: { url: `http://127.0.0.1:${await closedPort()}`, ...token },
    },
  });
  await using other = await startProduct(["--config", file.path]);
  await using asker = await httpClient(other);
  const { text } = await asker.call("get_cluster_resources");
  expect(text).toContain("Others\ncluster\ttype\tid\tstatus\nfresh\tquantum\tquantum/1\tentangled");
  expect(text).toContain("No answer from dead: GET /cluster/resources on dead");
});

describe("the language of searches", () => {
  const guest: Resource = {
    cluster: "prod",
    type: "qemu",
    id: "qemu/104",
    vmid: 104,
    name: "Web Shop-01",
    node: "pve1",
    status: "running",
    tags: "prod;web",
    cpu: 0.5,
    maxcpu: 4,
    mem: 3 * 1024 ** 3,
    maxmem: 4 * 1024 ** 3,
    disk: 0,
    maxdisk: 1024 ** 4,
    uptime: 7200,
  };

  test.each([
    ["", true],
    ["web", true],
    ["WEB pve1 104", true],
    ['"web shop"', true],
    ['"shop web"', false],
    ['web"shop"', true],
    ["web db", false],
    ["-db", true],
    ["-web", false],
    ["+web", true],
    ["status:running", true],
    ["STATUS:Running", true],
    ["status:run", false],
    ["status:run*", true],
    ["name:shop", true],
    ["name:web*01", true],
    ["name:web*02", false],
    ['name:"web shop"', true],
    ["tag:prod tag:web", true],
    ["tag:pro", false],
    ["-tag:dev", true],
    ["pool:", true],
    ["tag:", false],
    ["-pool:", false],
    ["type:vm", true],
    ["type:lxc", false],
    ["vmid:104", true],
    ["id:10", false],
    ["vmid>100 vmid<=104", true],
    ["cpu>49", true],
    ["cpu>50", false],
    ["cpu>=50%", true],
    ["mem>70", true],
    ["mem>2G mem<4GiB", true],
    ["memory<50", false],
    // A VM's own disk is not known.
    ["disk<85", false],
    ["uptime<1d", true],
    ["uptime>90m", true],
    ["uptime>2h", false],
    ["cores>=4", true],
    ["template:yes", false],
  ])("%p is %p", (search, wanted) => {
    expect(matches(readQuery(search), guest)).toBe(wanted);
  });

  test("what is off has no load and no uptime", () => {
    const off: Resource = { ...guest, status: "stopped", cpu: 0, mem: 0, uptime: 0 };
    for (const search of ["cpu<10", "mem<10", "uptime<1d"]) expect(matches(readQuery(search), off)).toBe(false);
  });

  test.each([
    ["stauts:running", "stauts is no key, did you mean status?"],
    ["cpu:80", "cpu is compared: cpu>80"],
    ["status>3", "status is no number; write status:value"],
    ["cpu>lots", '"lots" is no number'],
    ["uptime<1", "uptime needs a unit"],
    ["cpu>4G", "cpu is in percent"],
    ["mem>4parsecs", "mem is in percent, or in K, M, G, T"],
    ["vmid>1k", "vmid has no unit"],
    ['"open', 'a quote (") is not closed'],
  ])("%p is refused: %s", (search, why) => {
    expect(() => readQuery(search)).toThrow(ToolFailure);
    expect(() => readQuery(search)).toThrow(why);
    expect(() => readQuery(search)).toThrow("Valid: words; keys cluster, type");
  });

  test("any text is a search or an error that says why, in a moment", () => {
    const pieces = fc.constantFrom(
      "web",
      "-",
      "+",
      '"',
      "\\",
      ":",
      ">",
      "<=",
      "cpu",
      "tag",
      " ",
      "\t",
      "*",
      "1d",
      "é",
      "🐑",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        try {
          matches(readQuery(parts.join("")), guest);
        } catch (error) {
          expect(error).toBeInstanceOf(ToolFailure);
        }
      }),
    );
    const start = performance.now();
    matches(readQuery(`name:${"*a".repeat(200)}`), { ...guest, name: "a".repeat(100_000) });
    expect(performance.now() - start).toBeLessThan(500);
  });

  test("a quoted word is found whatever it holds, and excluded with a minus", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (text) => {
        const quoted = `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
        const named: Resource = { ...guest, name: text };
        expect(matches(readQuery(quoted), named)).toBe(true);
        expect(matches(readQuery(`-${quoted}`), named)).toBe(false);
      }),
    );
  });
});
