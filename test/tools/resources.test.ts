import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import { ToolFailure } from "../../src/tools/failure.ts";
import { matches, readQuery } from "../../src/tools/resources/query.ts";
import { foldShared, type Resource } from "../../src/tools/resources/resource.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, startProduct } from "../support/product.ts";
import { closedPort, replyData, startRawServer } from "../support/raw-server.ts";

let demos: readonly DemoServer[];
let alpha: DemoCluster;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  const { clusters } = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 0, guests: 250 });
  [alpha] = clusters as readonly [DemoCluster];
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

  test("are paged through with the cursor, each once, also when some go and come in between", async () => {
    const before = await pageThrough();
    expect(before).toHaveLength(500);
    expect(new Set(before).size).toBe(500);
    // One on the first three pages of 60, one on a later one.
    expect([before.indexOf("alpha/1003") < 180, before.indexOf("alpha/1207") > 180]).toEqual([true, true]);
    const during = await pageThrough(async () => {
      await alter("DELETE", "/nodes/pve1/qemu/1003");
      await alter("DELETE", "/nodes/pve1/qemu/1207");
      await alter("POST", "/nodes/pve1/qemu", "vmid=500&memory=512");
      await alter("POST", "/nodes/pve1/qemu", "vmid=1999&memory=512");
      // What others change is seen when the list that is kept is a second old.
      await Bun.sleep(1100);
    });
    expect(new Set(during).size).toBe(during.length);
    // What was shown before it went stays shown, and what came where nobody looks any more is not.
    expect(during.toSorted()).toEqual([...before.filter((guest) => guest !== "alpha/1207"), "alpha/1999"].toSorted());
  });

  async function alter(method: string, path: string, body?: string) {
    const { user, tokenId, tokenSecret } = alpha.credentials;
    const headers = { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` };
    const request = new Request(`http://demo/api2/json${path}`, { method, headers, ...(body && { body }) });
    expect((await alpha.fetch(request)).status).toBe(200);
  }

  /** The guests of all pages; `meanwhile` happens after the third. */
  async function pageThrough(meanwhile?: () => Promise<void>): Promise<string[]> {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 1; page === 1 || cursor !== undefined; page++) {
      const question = { type: "vm", limit: 60, fields: "cluster,vmid" };
      const text = await ask({ ...question, ...(cursor !== undefined && { cursor }) });
      seen.push(...guestsIn(text).map(({ cluster, vmid }) => `${cluster}/${vmid}`));
      if (page === 3) await meanwhile?.();
      cursor = /cursor (\S+)$/.exec(text)?.[1];
    }
    return seen;
  }

  test("a page says how much is left, and a cursor fits its own question only", async () => {
    const text = await ask({ type: "vm", limit: 10 });
    const [, shown, all, cursor = ""] = /\n(\d+) of (\d+)\. For more: cursor (\S+)$/.exec(text) ?? [];
    expect([shown, Number(all) > 490]).toEqual(["10", true]);
    for (const [args, says] of [
      [{ type: "lxc", limit: 10, cursor }, "belongs to a list with other arguments"],
      [{ type: "vm", search: "web", cursor }, "belongs to a list with other arguments"],
      [{ type: "vm", cursor: "nonsense" }, "not one that an earlier answer returned"],
      [{ type: "vm", cursor: Buffer.from("[1,2]").toString("base64url") }, "not one that an earlier answer returned"],
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

test("name: finds what the column name shows, of every kind", async () => {
  expect(await ask({ cluster: "alpha", search: "name:vmda type:storage" })).toContain("\nvmdata\t");
  expect(await ask({ cluster: "alpha", search: "name:pve1" })).toStartWith("Nodes: 1 on alpha.");
  expect(await ask({ cluster: "alpha", search: "storage" })).toStartWith("Nothing found");
});

test("a storage that nodes share is one row, whatever a silent node says of it", async () => {
  const text = await ask({ cluster: "alpha", type: "storage", search: "storage:backups" });
  expect(text).toMatch(
    /^Storage: 1 on alpha\. Figures are up to 10 s old\.\n\nStorage\nname\tnode\tstatus\ttype\tdisk\tcontent\nbackups\tpve1,pve2,pve3\tavailable\tdir\t13%\/252G\tbackup$/,
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
  expect(foldShared([row("n3", "unknown"), row("n2", "available"), row("n1", "unknown")])).toEqual([
    { ...row("n2", "available"), id: "storage/n1/s", node: "n1,n2,n3" },
  ]);
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

test("a page ends where the answer's room does, and keeps its cursor and the clusters that are missing", async () => {
  const token = { user: "mcp@pve", token_id: "t", token_secret: "s" };
  const row = (index: number) => ({
    id: `qemu/${1000 + index}`,
    type: "qemu",
    vmid: 1000 + index,
    name: `a-guest-with-a-long-name-${index}`,
    tags: "production;frontend;customer",
  });
  await using proxmox = await startRawServer(replyData(Array.from({ length: 1000 }, (_, index) => row(index))));
  await using file = await configFile({
    clusters: {
      full: { url: proxmox.url, ...token },
      dead: { url: `http://127.0.0.1:${await closedPort()}`, ...token },
    },
  });
  await using other = await startProduct(["--config", file.path]);
  await using asker = await httpClient(other);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const args = { limit: 1000, ...(cursor !== undefined && { cursor }) };
    const { text } = await asker.call("get_cluster_resources", args);
    expect(text).toContain("\n\nNo answer from dead: ");
    expect(text).not.toContain("Cut here");
    const rows = guestsIn(text);
    expect(rows.length).toBeGreaterThan(cursor === undefined ? 400 : 0);
    seen.push(...rows.map(({ vmid }) => vmid ?? ""));
    cursor = /cursor (\S+)$/m.exec(text)?.[1];
  } while (cursor !== undefined);
  expect(seen).toEqual(Array.from({ length: 1000 }, (_, index) => String(1000 + index)));
});

/** The product over `one` and `two`, which answer these rows. */
async function askRows(one: readonly unknown[], two: readonly unknown[], args: Record<string, unknown>) {
  const token = { user: "mcp@pve", token_id: "t", token_secret: "s" };
  await using first = await startRawServer(replyData(one));
  await using second = await startRawServer(replyData(two));
  await using file = await configFile({
    clusters: { one: { url: first.url, ...token }, two: { url: second.url, ...token } },
  });
  await using other = await startProduct(["--config", file.path]);
  await using asker = await httpClient(other);
  return await asker.call("get_cluster_resources", args);
}

const guestRow = { id: "qemu/100", type: "qemu", vmid: 100, name: "web", node: "pve1", status: "running" };

test("a row that is not as Proxmox's are spoils neither its neighbours nor another cluster's", async () => {
  const odd = {
    ...guestRow,
    tags: 5,
    node: 7,
    pool: [],
    lock: {},
    cpu: "0.25",
    maxcpu: "4",
    maxmem: 1e308,
    uptime: -1e300,
  };
  const rows = [odd, { ...odd, id: "qemu/101", vmid: "101", name: {} }, { id: "x", type: 3, vmid: 1.5 }];
  for (const args of [{}, { search: "-tag:dev -node:pve9" }, { sort: "-vmid" }]) {
    const { text, isError } = await askRows(rows, [guestRow], args);
    expect(isError).toBe(false);
    expect(text).toContain("web");
    expect(text).toContain("25%/4");
    expect(text).not.toMatch(/object Object|Infinity|e\+|1\.5/);
  }
  const page = await askRows(rows, [guestRow], { type: "vm", sort: "vmid", limit: 1 });
  expect(page.text).toContain("1 of 3. For more: cursor ");
});

test("a page begins behind the last one, also among ids that differ by leading zeros only", async () => {
  const rows = ["nfs001", "nfs01", "nfs1"].map((storage) => {
    return { id: `storage/pve1/${storage}`, type: "storage", storage, node: "pve1", status: "available" };
  });
  const token = { user: "mcp@pve", token_id: "t", token_secret: "s" };
  await using proxmox = await startRawServer(replyData(rows));
  await using file = await configFile({ clusters: { one: { url: proxmox.url, ...token } } });
  await using other = await startProduct(["--config", file.path]);
  await using asker = await httpClient(other);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const { text } = await asker.call("get_cluster_resources", { limit: 1, ...(cursor !== undefined && { cursor }) });
    seen.push(...(text.match(/^nfs\d+/gm) ?? []));
    cursor = /cursor (\S+)/.exec(text)?.[1];
  } while (cursor !== undefined);
  expect(seen).toEqual(["nfs001", "nfs01", "nfs1"]);
});

test("a page sorted by long texts goes on behind its cursor, and fields may be a list in JSON", async () => {
  const tags = Array.from({ length: 30 }, (_, n) => `tag-${n}-${"x".repeat(30)}`).join(";");
  const token = { user: "mcp@pve", token_id: "t", token_secret: "s" };
  const rows = [guestRow, { ...guestRow, id: "qemu/101", vmid: 101, name: "db" }].map((row) => ({ ...row, tags }));
  await using proxmox = await startRawServer(replyData(rows));
  await using file = await configFile({ clusters: { one: { url: proxmox.url, ...token } } });
  await using other = await startProduct(["--config", file.path]);
  await using asker = await httpClient(other);
  const args = { sort: "tags", limit: 1, fields: '["vmid", "name"]' };
  const { text } = await asker.call("get_cluster_resources", args);
  expect(text).toContain("\nvmid\tname\n100\tweb\n");
  const next = await asker.call("get_cluster_resources", { ...args, cursor: /cursor (\S+)/.exec(text)?.[1] });
  expect(next.text).toContain("\nvmid\tname\n101\tdb");
});

test("guests whose node does not report are told where a search could have meant them", async () => {
  const say = (search: string, type?: string) => ask({ cluster: "alpha", search, ...(type && { type }) });
  expect(await say("name:old-ct", "lxc")).toMatch(
    /^Nothing found on alpha\.\n\nNot searched by name, tag and pool, which are unknown while their node does not report: 220, [\d, ]+ and \d+ more on pve3 of alpha\.$/,
  );
  expect(await say("legacy-app vmid:120")).toContain("does not report: 120 on pve3 of alpha.");
  for (const search of ["-tag:dev vmid:120", "-pool: vmid:120", "pool: vmid:120", "tag: vmid:120", "-x vmid:120"]) {
    expect(await say(search)).toContain("does not report: 120 on pve3 of alpha.");
  }
  for (const search of ["status:running web-01", "cpu>80", "tag:prod node:pve1", "vmid:120"]) {
    expect(await say(search)).not.toContain("Not searched by name");
  }
});

test("the summary does not take a node for its namesake on another cluster, nor a name for a line", async () => {
  const node = { id: "node/pve1", type: "node", node: "pve1" };
  const silent = { ...guestRow, name: undefined, status: "unknown" };
  const { text } = await askRows(
    [{ ...node, status: "offline" }, silent],
    [{ ...node, status: "online" }, silent, { ...silent, id: "qemu/7", vmid: 7, node: "a\nb" }],
    { type: "vm" },
  );
  expect(text.split("\n")[0]).toBe(
    "3 guests on 2 clusters: 3 unknown (node pve1 of one offline, node a\\nb does not report, node pve1 of two does not report). Figures are up to 10 s old.",
  );
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
    ["vmid:103,104", true],
    ["tag:dev,prod status:stopped,running", true],
    ["tag:dev,test", false],
    ['"or"', false],
    ["-order", true],
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
    ["constructor:x", "constructor is no key"],
    ["uptime<1constructor", "uptime needs a unit"],
    ['"open', 'a quote (") is not closed'],
    ["cpu > 80", "this is no word"],
    ["status: running", "nothing stands after status:"],
    ["node:", "nothing stands after node:"],
    ["status!=running", "this is no word"],
    ["!tag:prod", "this is no word"],
    ["not tag:prod", "this is no word"],
    ["web OR db", "this is no word"],
    ["(status:running)", "this is no word"],
    ["vmid:100-103", "a VMID has digits only; write vmid:100,101 or vmid>=100 vmid<=199"],
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
