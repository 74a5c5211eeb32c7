import { expect, test } from "bun:test";
import { connect } from "node:net";
import { createDemo, type DemoCluster, type DemoOptions } from "../../src/simulator/index.ts";
import { serveDemo } from "../support/demo-server.ts";

type Row = Record<string, unknown>;

/** A demo with a clock that only moves when told, and one of its clusters with short words for requests. */
function begin(options: DemoOptions = {}, which = 0) {
  let now = Date.UTC(2026, 10, 22, 12);
  const demo = createDemo({ now: () => now, authDelayMs: 0, offlineDelayMs: 0, ...options });
  const cluster = demo.clusters[which] as DemoCluster;
  const send = (method: string, path: string, form?: Record<string, string>, token = "admin"): Promise<Response> => {
    const inQuery = form !== undefined && (method === "GET" || method === "DELETE");
    return cluster.fetch(
      new Request(`http://demo/api2/json${path}${inQuery ? `?${new URLSearchParams(form)}` : ""}`, {
        method,
        headers: { authorization: `PVEAPIToken=${cluster.tokens[token]}` },
        ...(form === undefined || inQuery ? {} : { body: new URLSearchParams(form) }),
      }),
    );
  };
  const data = async (
    method: string,
    path: string,
    form?: Record<string, string>,
    token?: string,
  ): Promise<unknown> => {
    const response = await send(method, path, form, token);
    if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status} ${response.statusText}`);
    return ((await response.json()) as { data: unknown }).data;
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  const get = async (path: string, token?: string): Promise<Row> => (await data("GET", path, undefined, token)) as Row;
  const rows = async (path: string, token?: string): Promise<Row[]> =>
    (await data("GET", path, undefined, token)) as Row[];
  const statusOf = (upid: string): Promise<Row> =>
    get(`/nodes/${upid.split(":")[1]}/tasks/${encodeURIComponent(upid)}/status`);
  const logOf = async (upid: string): Promise<unknown[]> =>
    (await rows(`/nodes/${upid.split(":")[1]}/tasks/${encodeURIComponent(upid)}/log`)).map((line) => line["t"]);
  /** Runs a task to its end: its result and log. */
  const task = async (method: string, path: string, form?: Record<string, string>): Promise<unknown> => {
    const upid = String(await data(method, path, form));
    pass(60_000);
    return (await statusOf(upid))["exitstatus"];
  };
  return { demo, cluster, send, data, get, rows, pass, statusOf, logOf, task };
}

test("live figures move between two reads, and with the clock", async () => {
  const { get, rows, pass } = begin();
  const current = (): Promise<Row> => get("/nodes/pve1/qemu/100/status/current");
  const nodeNow = async (): Promise<Row> => (await rows("/nodes")).find((it) => it["node"] === "pve1") as Row;
  const [now, next] = [await current(), await current()];
  for (const key of ["cpu", "mem", "netin", "netout", "uptime"]) expect(next[key], key).not.toBe(now[key]);
  const settled = (row: Row): Row => ({ ...row, cpu: 0, mem: 0, memhost: 0, netin: 0, netout: 0, uptime: 0, nics: {} });
  expect(settled(next)).toEqual(settled(now));
  const [node, after] = [await nodeNow(), await nodeNow()];
  for (const key of ["cpu", "mem", "disk", "uptime"]) expect(after[key], key).not.toBe(node[key]);
  const used = async (): Promise<unknown> => (await get("/nodes/pve1/storage/local/status"))["used"];
  expect(await used()).not.toBe(await used());
  pass(3_600_000);
  const later = await current();
  expect(Number(later["uptime"]) - Number(next["uptime"])).toBeGreaterThanOrEqual(3600);
  expect(Number(later["netin"])).toBeGreaterThan(Number(next["netin"]));
});

test("the uptime of what started a moment ago is close to the truth", async () => {
  const { get, rows, pass, task } = begin();
  for (let read = 0; read < 300; read++) await rows("/nodes");
  expect(await task("POST", "/nodes/pve1/qemu/104/status/start")).toBe("OK");
  const { uptime } = await get("/nodes/pve1/qemu/104/status/current");
  expect(Number(uptime)).toBeWithin(55, 62);
  pass(10_000);
  expect(Number((await get("/nodes/pve1/qemu/104/status/current"))["uptime"])).toBeWithin(65, 73);
});

test("counters of a running guest never go back", async () => {
  const { get, pass } = begin();
  let last = 0;
  for (let second = 0; second < 400; second += 7) {
    const { netin } = await get("/nodes/pve1/lxc/200/status/current");
    expect(Number(netin)).toBeGreaterThanOrEqual(last);
    last = Number(netin);
    pass(7000);
  }
});

test("a started guest's task runs, then ends, and the guest runs", async () => {
  const { data, get, rows, pass, statusOf, logOf } = begin({ taskMs: 2500 });
  const upid = String(await data("POST", "/nodes/pve1/qemu/104/status/start"));
  expect(await statusOf(upid)).toMatchObject({ status: "running", type: "qmstart", user: "mcp@pve", tokenid: "tok" });
  expect(await rows("/nodes/pve1/tasks?source=active")).toMatchObject([
    { upid, status: "RUNNING", user: "mcp@pve!tok" },
  ]);
  expect((await rows("/cluster/tasks"))[0]).not.toHaveProperty("endtime");
  expect(await logOf(upid)).toEqual([]);
  pass(2500);
  expect(await statusOf(upid)).toMatchObject({ status: "stopped", exitstatus: "OK" });
  expect(await logOf(upid)).toEqual(["TASK OK"]);
  expect((await rows("/cluster/tasks"))[0]).toMatchObject({ upid, status: "OK" });
  expect(await get("/nodes/pve1/qemu/104/status/current")).toMatchObject({ status: "running", maxmem: 1024 ** 3 });
});

test("a task's log grows while it runs, the guest is locked, and stopping the task ends both", async () => {
  const { data, send, get, pass, logOf, statusOf } = begin();
  const upid = String(await data("POST", "/nodes/pve1/vzdump", { vmid: "200", storage: "backups" }));
  const first = (await logOf(upid)).length;
  pass(1000);
  expect((await logOf(upid)).length).toBeGreaterThan(first);
  expect((await send("PUT", "/nodes/pve1/lxc/200/config", { memory: "600" })).statusText).toBe("CT is locked (backup)");
  await data("DELETE", `/nodes/pve1/tasks/${encodeURIComponent(upid)}`);
  expect(await statusOf(upid)).toMatchObject({ status: "stopped", exitstatus: "interrupted by signal" });
  expect(await get("/nodes/pve1/lxc/200/config")).not.toHaveProperty("lock");
});

test("a virtual machine lives: created, changed, copied, moved, backed up, restored, destroyed", async () => {
  const { data, get, rows, send, task } = begin();
  const base = "/nodes/pve1/qemu";
  const disk = { scsi0: "vmdata:4,format=qcow2", net0: "virtio,bridge=vmbr0" };
  expect(await task("POST", base, { vmid: "300", name: "made", pool: "dev", ...disk })).toBe("OK");
  expect(await get(`${base}/300/config`)).toMatchObject({
    name: "made",
    scsi0: "vmdata:300/vm-300-disk-0.qcow2,size=4G",
    net0: expect.stringMatching(/^virtio=BC:24:11:[0-9A-F:]{8},bridge=vmbr0$/),
  });
  expect(await task("POST", `${base}/300/status/start`)).toBe("OK");
  await data("PUT", `${base}/300/config`, { memory: "1024", description: "grown" });
  expect(await rows(`${base}/300/pending`)).toContainEqual({ key: "memory", pending: "1024" });
  expect(await task("POST", `${base}/300/snapshot`, { snapname: "one", vmstate: "1" })).toBe("OK");
  await data("PUT", `${base}/300/config`, { description: "worse" });
  expect(await task("POST", `${base}/300/snapshot/one/rollback`)).toBe("OK");
  expect(await get(`${base}/300/config`)).toMatchObject({ description: "grown", parent: "one" });
  expect(await task("DELETE", `${base}/300/snapshot/one`)).toBe("OK");
  expect(await rows(`${base}/300/snapshot`)).toMatchObject([{ name: "current", running: 1 }]);
  expect(await task("PUT", `${base}/300/resize`, { disk: "scsi0", size: "+2G" })).toBe("OK");
  expect((await send("POST", `${base}/300/migrate`, { target: "pve2" })).statusText).toContain("without --online");
  expect(await task("POST", `${base}/300/migrate`, { target: "pve2", online: "1" })).toBe("OK");
  expect(await task("POST", "/nodes/pve2/qemu/300/clone", { newid: "301", full: "1" })).toBe("OK");
  expect(await get("/nodes/pve2/qemu/301/config")).toMatchObject({ scsi0: "vmdata:301/vm-301-disk-0.qcow2,size=6G" });
  expect((await send("DELETE", "/nodes/pve2/qemu/300")).statusText).toBe("VM 300 is running - destroy failed");
  expect(await task("POST", "/nodes/pve2/qemu/300/status/shutdown")).toBe("OK");
  expect(
    await task("POST", "/nodes/pve2/vzdump", { vmid: "300", storage: "backups", "notes-template": "{{guestname}}" }),
  ).toBe("OK");
  const backup = (await rows("/nodes/pve1/storage/backups/content")).find((it) => it["vmid"] === 300);
  expect(backup).toMatchObject({ notes: "made", subtype: "qemu" });
  expect(await task("DELETE", "/nodes/pve2/qemu/300", { purge: "1" })).toBe("OK");
  expect((await get("/pools/dev"))["members"]).not.toContainEqual(expect.objectContaining({ vmid: 300 }));
  expect(await task("POST", base, { vmid: "302", archive: String(backup?.["volid"]) })).toBe("OK");
  expect(await get(`${base}/302/config`)).toMatchObject({
    name: "made",
    scsi0: "vmdata:302/vm-302-disk-0.qcow2,size=6G",
  });
});

test("a container lives: created, changed, snapshotted, moved, destroyed", async () => {
  const { data, get, send, task } = begin();
  const base = "/nodes/pve1/lxc";
  const ostemplate = "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst";
  expect(await task("POST", base, { vmid: "400", ostemplate, hostname: "box", rootfs: "tank:8", start: "1" })).toBe(
    "OK",
  );
  expect(await get(`${base}/400/status/current`)).toMatchObject({
    status: "running",
    name: "box",
    maxdisk: 8 * 1024 ** 3,
  });
  expect((await send("POST", `${base}/400/status/start`)).statusText).toBe("CT 400 already running");
  await data("PUT", `${base}/400/config`, { memory: "1024", tags: "b;a" });
  expect(await get(`${base}/400/config`)).toMatchObject({ memory: 1024, tags: "a;b" });
  expect(await task("POST", `${base}/400/snapshot`, { snapname: "one" })).toBe("OK");
  expect(await task("POST", `${base}/400/status/stop`)).toBe("OK");
  expect(await task("POST", `${base}/400/migrate`, { target: "pve2" })).toBe("OK");
  await data("PUT", "/nodes/pve2/lxc/400/config", { protection: "1" });
  expect((await send("DELETE", "/nodes/pve2/lxc/400")).statusText).toBe(
    "can't remove CT 400 - protection mode enabled",
  );
  await data("PUT", "/nodes/pve2/lxc/400/config", { delete: "protection" });
  expect(await task("DELETE", "/nodes/pve2/lxc/400")).toBe("OK");
  expect((await send("GET", "/nodes/pve2/lxc/400/config")).status).toBe(500);
});

test("every power action does what its name says", async () => {
  const { get, pass, task } = begin();
  const path = "/nodes/pve1/qemu/100/status";
  const after = async (action: string) => {
    expect(await task("POST", `${path}/${action}`)).toBe("OK");
    return await get(`${path}/current`);
  };
  expect(await after("suspend")).toMatchObject({ status: "running", qmpstatus: "paused" });
  expect(await after("resume")).toMatchObject({ qmpstatus: "running" });
  pass(3_600_000);
  expect(Number((await after("reset"))["uptime"])).toBeLessThan(120);
  pass(3_600_000);
  expect(Number((await after("reboot"))["uptime"])).toBeLessThan(120);
  expect(await after("shutdown")).toMatchObject({ status: "stopped", uptime: 0 });
  expect(await after("start")).toMatchObject({ status: "running" });
  expect(await after("stop")).toMatchObject({ status: "stopped" });
});

test("what is done in one demo is not seen in another, nor in the other cluster", async () => {
  const [one, two, other] = [begin(), begin(), begin({}, 1)];
  await one.data("POST", "/pools", { poolid: "mine" });
  expect(await one.rows("/pools")).toHaveLength(3);
  expect(await two.rows("/pools")).toHaveLength(2);
  expect(await other.rows("/pools")).toEqual([]);
});

test("rights that are given take effect, and a token that is deleted is refused", async () => {
  const { data, rows, send } = begin();
  await data("PUT", "/access/acl", { path: "/pool/prod", roles: "PVEVMUser", users: "operator@pve" });
  const seen = (await rows("/cluster/resources?type=vm", "op")).map((it) => Number(it["vmid"]));
  expect(seen.sort((a, b) => a - b)).toEqual([100, 101, 103, 104, 111, 200]);
  expect((await send("POST", "/nodes/pve1/qemu/102/status/stop", {}, "op")).statusText).toBe(
    "Permission check failed (/vms/102, VM.PowerMgmt)",
  );
  await data("DELETE", "/access/users/operator@pve/token/tok");
  expect((await send("GET", "/version", undefined, "op")).status).toBe(401);
});

interface Documented {
  readonly path: string;
  readonly info: Record<string, { method: string; parameters: { properties?: Row }; permissions?: Row }>;
  readonly children?: readonly Documented[];
}

async function schemaOf(cluster: DemoCluster): Promise<[string, Documented["info"][string]][]> {
  const script = await (await cluster.fetch(new Request("http://demo/pve-docs/api-viewer/apidoc.js"))).text();
  const head = "const apiSchema = ";
  expect(script.startsWith(`${head}[`)).toBe(true);
  const tree = JSON.parse(script.slice(head.length, script.indexOf("\n;"))) as Documented[];
  const walk = (nodes: readonly Documented[]): [string, Documented["info"][string]][] =>
    nodes.flatMap(({ path, info, children = [] }) => [
      ...Object.values(info).map((it) => [path, it] as [string, typeof it]),
      ...walk(children),
    ]);
  return walk(tree);
}

test("apidoc.js names exactly the endpoints that answer", async () => {
  const { cluster, send } = begin({ asRecorded: true });
  const documented = await schemaOf(cluster);
  expect(documented.length).toBeGreaterThan(100);
  const known = new Set(documented.map(([path, { method }]) => `${method} ${path}`));
  const values: Record<string, string> = { node: "pve1", vmid: "999", storage: "local", upid: "UPID:x" };
  for (const path of new Set(documented.map(([it]) => it)))
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const real = path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "x1");
      const { status } = await send(method, real);
      expect(`${method} ${path} ${status !== 501}`).toBe(`${method} ${path} ${known.has(`${method} ${path}`)}`);
    }
});

test("every endpoint in apidoc.js documents its path's parameters and its rights, unless only root@pam has them", async () => {
  for (const [path, { parameters, permissions, method }] of await schemaOf(begin().cluster)) {
    for (const [, name = ""] of path.matchAll(/\{(\w+)\}/g)) expect(parameters.properties).toHaveProperty(name);
    const rootOnly = `${method} ${path}` === "DELETE /cluster/config/nodes/{node}";
    expect(Object.keys(permissions ?? {}), `${method} ${path}`).toHaveLength(rootOnly ? 0 : 1);
  }
});

test("apidoc.js needs no token, answers 304 to whoever has it, and refuses HEAD", async () => {
  const { cluster } = begin();
  const ask = (init?: RequestInit) => cluster.fetch(new Request("http://demo/pve-docs/api-viewer/apidoc.js", init));
  const modified = (await ask()).headers.get("last-modified") ?? "";
  expect((await ask({ headers: { "if-modified-since": modified } })).status).toBe(304);
  expect((await ask({ headers: { "if-modified-since": new Date(0).toUTCString() } })).status).toBe(200);
  expect((await ask({ method: "HEAD" })).status).toBe(501);
});

test("a refused token waits, a good one does not, and an aborted wait ends at once", async () => {
  const { send, cluster } = begin({ authDelayMs: 80, offlineDelayMs: 60_000 });
  const timed = async (answer: Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await answer.catch(() => undefined);
    return performance.now() - began;
  };
  expect(await timed(send("GET", "/version", undefined, "bad"))).toBeGreaterThan(75);
  expect(await timed(send("GET", "/version"))).toBeLessThan(70);
  const request = new Request("http://demo/api2/json/nodes/pve3/status", {
    headers: { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` },
    signal: AbortSignal.timeout(20),
  });
  expect(await timed(cluster.fetch(request))).toBeLessThan(1000);
});

test("a frozen node that is asked directly never answers, the others go on", async () => {
  const { cluster } = begin();
  cluster.faults.frozen = ["pve2"];
  const ask = (node: string, ms: number): Promise<number> => {
    const headers = { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` };
    const request = new Request("http://demo/api2/json/version", { headers, signal: AbortSignal.timeout(ms) });
    return cluster.fetch(request, node).then(({ status }) => status);
  };
  await expect(ask("pve2", 50)).rejects.toThrow("timed out");
  expect(await ask("pve1", 5000)).toBe(200);
});

test("the header's scheme is case-sensitive, and a missing one is no ticket", async () => {
  const { cluster } = begin();
  const reason = async (authorization?: string): Promise<string> => {
    const headers = authorization === undefined ? {} : { authorization };
    const { status, statusText } = await cluster.fetch(new Request("http://demo/api2/json/version", { headers }));
    return `${status} ${statusText}`;
  };
  expect(await reason()).toBe("401 No ticket");
  expect(await reason(`pveapitoken=${cluster.tokens["admin"]}`)).toBe("401 No ticket");
  expect(await reason(`PVEAPIToken=${cluster.tokens["bad"]}`)).toBe("401 Authentication failed!");
  expect(await reason(`PVEAPIToken=${cluster.tokens["admin"]}`)).toBe("200 OK");
});

test("parameters come as form, JSON or query, the query wins, and what cannot be read is refused", async () => {
  const { cluster, get } = begin();
  const put = async (body: unknown, type: string, search = ""): Promise<string> => {
    const { status, statusText } = await cluster.fetch(
      new Request(`http://demo/api2/json/nodes/pve1/qemu/104/config${search}`, {
        method: "PUT",
        headers: { authorization: `PVEAPIToken=${cluster.tokens["admin"]}`, "content-type": type },
        body: String(body),
      }),
    );
    return `${status} ${statusText}`;
  };
  const form = "application/x-www-form-urlencoded";
  const tags = async (): Promise<unknown> => (await get("/nodes/pve1/qemu/104/config"))["tags"];
  expect(await put("tags=b&tags=a", form)).toBe("200 OK");
  expect(await tags()).toBe("a;b");
  expect(await put("tags=b", form, "?tags=query")).toBe("200 OK");
  expect(await tags()).toBe("query");
  expect(await put('{"tags":"body"}', "application/json", "?tags=over")).toBe("200 OK");
  expect(await tags()).toBe("over");
  expect(await put('{"tags":["y","x"],"onboot":true}', "application/json")).toBe("200 OK");
  expect(await tags()).toBe("x;y");
  expect(await put("tags=a;cores=2", form)).toBe("200 OK");
  expect(await get("/nodes/pve1/qemu/104/config")).toMatchObject({ tags: "a", cores: 2, onboot: 1 });
  expect(await put('{"tags":null}', "application/json")).toStartWith("500 ");
  expect(await put("vmid=105", form)).toBe("400 Parameter verification failed.");
  expect(await put("<a/>", "text/xml")).toStartWith("506 ");
  expect(await put(`description=${"x".repeat(513 * 1024)}`, form)).toBe("501 for data too large");
});

test("the path is unescaped once, and localhost is the node that was asked", async () => {
  const { cluster, get } = begin();
  expect(await get("/nodes/pve1/%71emu/%31%30%30%2fconfig")).toMatchObject({ name: "web-01" });
  const volume = "debian-12.11.0-amd64-netinst.iso";
  expect(await get(`/nodes/pve1/storage/local/content/local:iso/${volume}`)).toMatchObject({ format: "iso" });
  expect(await get(`/nodes/pve1/storage/local/content/local%3Aiso%2F${volume}`)).toMatchObject({ format: "iso" });
  const headers = { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` };
  const asked = await cluster.fetch(
    new Request("http://demo/api2/json/nodes/localhost/qemu/110/config", { headers }),
    "pve2",
  );
  expect(asked.status).toBe(200);
  expect(
    (await cluster.fetch(new Request("http://demo/api2/json/nodes/localhost/qemu/110/config", { headers }))).status,
  ).toBe(500);
});

test("over a socket the reason phrase arrives, chunked bodies are refused, and requests are counted", async () => {
  const { cluster } = begin();
  const seen: string[] = [];
  const server = await serveDemo(cluster, {
    node: "pve2",
    onRequest: ({ method, path }) => seen.push(`${method} ${path}`),
  });
  const raw = (lines: readonly string[], body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const token = `Authorization: PVEAPIToken=${cluster.tokens["admin"]}`;
      let text = "";
      const socket = connect(server.port, "127.0.0.1", () => {
        socket.write([...lines, "Host: x", token, "", body].join("\r\n"));
      });
      socket.on("data", (chunk) => {
        text += chunk;
        if (text.includes("\r\n\r\n")) socket.destroy();
      });
      socket.on("close", () => resolve(text.split("\r\n")[0] ?? ""));
      socket.on("error", reject);
    });
  const get = "GET /api2/json/nodes HTTP/1.1";
  const post = "POST /api2/json/pools?poolid=x HTTP/1.1";
  expect(await raw(["GET /api2/json/nodes/pve3/status HTTP/1.1"], "")).toBe("HTTP/1.1 595 No route to host");
  expect(await raw([post, "Transfer-Encoding: chunked"], "0\r\n\r\n")).toBe(
    "HTTP/1.1 501 chunked transfer encoding not supported",
  );
  expect(await raw([get, "Content-Length: 3"], "a=b")).toBe("HTTP/1.1 501 Unexpected content for method 'GET'");
  expect(await raw(["GET /api2/json/nodes/localhost/qemu/110/config HTTP/1.1"], "")).toBe("HTTP/1.1 200 OK");
  expect(seen).toEqual(server.requests.map(({ method, path }) => `${method} ${path}`));
  expect(server.requests).toHaveLength(4);
  expect(server.writes()).toBe(1);
  await server.stop();
});
