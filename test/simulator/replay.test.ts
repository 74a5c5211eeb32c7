import { afterAll, describe, expect, test } from "bun:test";
import { createDemo, type DemoCluster, type Faults } from "../../src/simulator/index.ts";
import errors from "../recordings/alpha-errors.json";
import faults from "../recordings/alpha-faults.json";
import life from "../recordings/alpha-life.json";
import reads from "../recordings/alpha-reads.json";
import auditor from "../recordings/alpha-reads-auditor.json";
import withoutRights from "../recordings/alpha-reads-no-acl.json";
import operator from "../recordings/alpha-reads-operator.json";
import beta from "../recordings/beta-reads.json";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { differences } from "./shape.ts";

interface Recorded {
  request: {
    cluster: string;
    token: string | null;
    method: string;
    path: string;
    query?: Record<string, string>;
    form?: Record<string, string>;
    json?: unknown;
  };
  response: { status: number; reason: string; headers: Record<string, string>; body?: Body; text?: string };
}

interface Body {
  data?: unknown;
  message?: string;
  errors?: Record<string, string>;
  total?: number;
}

/** Values of a single object that must be the very same, not just of the same type. */
const exact = ["exitstatus", "status", "qmpstatus", "type", "name", "tags", "boot", "description", "memory", "running"];

const start = Date.UTC(2026, 10, 22, 10, 52);
const servers: DemoServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

/** A demo in the recorded state, behind a socket, with a clock that moves when told. */
async function mount(name: string, set: Partial<Faults> = {}) {
  let now = start;
  const demo = createDemo({
    now: () => now,
    authDelayMs: 0,
    offlineDelayMs: 0,
    frozenDelayMs: 0,
    lockDelayMs: 0,
    asRecorded: true,
  });
  const cluster = demo.clusters.find((it) => it.name === name) as DemoCluster;
  Object.assign(cluster.faults, set);
  const server = await serveDemo(cluster);
  servers.push(server);
  const pass = (): void => {
    now += 60_000;
  };
  return { cluster, server, pass };
}

type Mounted = Awaited<ReturnType<typeof mount>>;

async function send(
  { cluster, server }: Mounted,
  { request }: Recorded,
  upids: Map<string, string>,
): Promise<Response> {
  const { token, method, query, form, json } = request;
  let path = request.path;
  for (const [was, is] of upids)
    path = path.replaceAll(encodeURIComponent(was), encodeURIComponent(is)).replaceAll(was, is);
  const search = query === undefined ? "" : `?${new URLSearchParams(query)}`;
  const headers: Record<string, string> = {};
  if (token !== null) headers["authorization"] = `PVEAPIToken=${cluster.tokens[token]}`;
  if (json !== undefined) headers["content-type"] = "application/json";
  const body = json === undefined ? form && new URLSearchParams(form) : JSON.stringify(json);
  const sent = { method, headers, ...(body === undefined ? {} : { body }) };
  return await fetch(`${server.url}/api2/json${path}${search}`, sent);
}

const masked = (text: unknown): unknown => (typeof text === "string" ? text.replace(/\.tmp\.\d+/, ".tmp.PID") : text);

/** Sends every row and says what came back otherwise than recorded. */
async function replay(rows: readonly Recorded[], mounted: Mounted): Promise<string[]> {
  const upids = new Map<string, string>();
  const wrong: string[] = [];
  for (const [index, row] of rows.entries()) {
    const { method, path } = row.request;
    const { status, reason, body: was = {} } = row.response;
    const response = await send(mounted, row, upids);
    const text = await response.text();
    const is = (text === "" ? {} : JSON.parse(text)) as Body;
    const found: string[] = [];
    const same = (what: string, a: unknown, b: unknown): void => {
      if (!Bun.deepEquals(masked(a), masked(b)))
        found.push(`${what} ${JSON.stringify(b)}, recorded ${JSON.stringify(a)}`);
    };
    same("status", status, response.status);
    same("reason", reason, response.statusText);
    same("content-type", row.response.headers["content-type"], response.headers.get("content-type") ?? undefined);
    same("message", was.message, is.message);
    same("errors", was.errors, is.errors);
    same("keys", Object.keys(was).sort(), Object.keys(is).sort());
    found.push(...differences(was.data, is.data));
    if (path === "/access/permissions") same("permissions", was.data, is.data);
    if (isObject(was.data) && isObject(is.data))
      for (const key of exact) if (typeof was.data[key] !== "object") same(key, was.data[key], is.data[key]);
    if (typeof was.data === "string" && was.data.startsWith("UPID:")) {
      upids.set(was.data, String(is.data));
      same("task", was.data.split(":").slice(5), String(is.data).split(":").slice(5));
      mounted.pass();
    }
    if (found.length > 0) wrong.push(`${index} ${method} ${path}: ${found.join("; ")}`);
  }
  return wrong;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

describe("the demo answers as the real servers did", () => {
  const recordings: Record<string, readonly unknown[]> = { errors, reads, auditor, withoutRights, operator, life };
  for (const [name, rows] of Object.entries(recordings))
    test(`alpha, ${name}`, async () => {
      expect(await replay(rows as Recorded[], await mount("alpha"))).toEqual([]);
    });

  test("beta, reads", async () => {
    expect(await replay(beta as Recorded[], await mount("beta"))).toEqual([]);
  });

  test("alpha with a frozen node behind the one in front", async () => {
    const rows = faults["proxied-node-frozen"] as Recorded[];
    expect(await replay(rows, await mount("alpha", { frozen: ["pve2"] }))).toEqual([]);
  });

  test("alpha without quorum", async () => {
    expect(await replay(faults["no-quorum"] as Recorded[], await mount("alpha", { noQuorum: true }))).toEqual([]);
  });
});

test("the comparison notices what a demo could get wrong", () => {
  const rows = [
    { type: "node", id: "a", cpu: 0.5 },
    { type: "pool", id: "p" },
  ];
  expect(differences(rows, rows)).toEqual([]);
  expect(differences(rows, [{ type: "node", id: "a", cpu: "0.5" }, rows[1]])).toEqual([
    "[]<node>.cpu: string where number was recorded",
  ]);
  expect(differences(rows, [{ type: "node", id: "a" }, rows[1]])).toEqual(["[]<node>.cpu: is missing"]);
  expect(differences(rows, [rows[0], { type: "pool", id: "p", more: 1 }])).toEqual(["[]<pool>.more: was not recorded"]);
  expect(differences(rows, [rows[0]])).toEqual(["[]<pool>: 0 rows, recorded 1", "id: a where a,p was recorded"]);
  expect(differences({ deep: { list: [1] } }, { deep: { list: [] } })).toEqual([
    ".deep.list: 0 elements where 1 were recorded",
  ]);
});
