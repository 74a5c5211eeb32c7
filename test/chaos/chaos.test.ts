import { beforeAll, expect, test } from "bun:test";
import { Secret } from "../../src/config/secret.ts";
import type { ClusterConfig, TlsMode } from "../../src/config/types.ts";
import { ProxmoxClient, type ProxmoxClientOptions } from "../../src/proxmox/client.ts";
import { ProxmoxError } from "../../src/proxmox/errors/proxmox-error.ts";
import { formatPath } from "../../src/proxmox/path.ts";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import { type Chaos, startChaos } from "../support/chaos-proxy.ts";
import { httpClient, modernClient, sseClient } from "../support/clients.ts";
import { configOf } from "../support/guarded.ts";
import { listenTo } from "../support/listening.ts";
import { type Identity, makeIdentity } from "../support/pki.ts";
import { type Double, makeGuests, type Sender, type Toll, Traffic } from "./traffic.ts";

/** How many calls; ten thousand by `bun run check:long`. */
const calls = Number(process.env["CHAOS_CALLS"] ?? 2_000);
/** A failure's message has it: the same seed brings the same traffic and the same faults. */
const seed = Number(process.env["CHAOS_SEED"] ?? 20_261_122);

/** Waits as they are in life, a hundred times shorter or so. */
const options: ProxmoxClientOptions = { patienceMs: 60, deadMs: 150, connectTimeoutMs: 250, lookUpMs: 100 };
const timeoutMs = 500;

let identity: Identity;
beforeAll(async () => {
  identity = await makeIdentity();
});

test.each([
  ["plain http", 0.6],
  ["TLS", 0.25],
])(
  "over %s no write is repeated, and nobody is told of one what is not so",
  async (way, share) => {
    const tls = way === "TLS" ? identity : undefined;
    await using stage = await setStage(tls);
    const client = new ProxmoxClient(stage.config, options);
    const send: Sender = async (request) => {
      try {
        const { data, recovered } = await client.request(request);
        return { word: "done", data, recovered: recovered !== undefined };
      } catch (error) {
        if (!(error instanceof ProxmoxError)) throw error;
        const text = error.describe();
        expect(text.includes("Unknown: ")).toBe(error.sent === "maybe" && request.method !== "GET");
        return { word: error.sent === "maybe" ? "unknown" : "failed", text };
      }
    };
    const traffic = new Traffic(send, stage.chaos, seed, stage.double);
    judge(way, await traffic.run(calls * share * 0.2));
    const before = heapMiB();
    const toll = await traffic.run(calls * share * 0.8);
    judge(way, toll);
    proves(toll, stage.chaos);
    // The demo itself remembers its tasks, some 2 KiB each.
    expect(heapMiB() - before).toBeLessThan(10 + (toll.writes * 2) / 1024);
    client.close();
  },
  180_000,
);

test("through the whole server, over real clients", async () => {
  await using stage = await setStage(undefined);
  const server = listenTo(configOf([stage.config]), () => options);
  const clients = await Promise.all([httpClient(server), sseClient(server), modernClient(server)]);
  let turn = 0;
  const send: Sender = async ({ method, path, params }) => {
    turn += 1;
    const client = clients[turn % clients.length] ?? clients[0];
    const call = { method, path: formatPath(path), data: params ?? {} };
    const { text, isError } = await client.call("proxmox_api_call", call);
    // A task that failed was started all the same: its handle says so.
    const [, upid] = /^Task: alpha\/(UPID:\S+)$/m.exec(text) ?? [];
    const recovered = text.includes("the answer was lost");
    if (upid !== undefined) return { word: "done", data: upid, recovered };
    if (isError) return { word: text.includes("Unknown: ") ? "unknown" : "failed", text };
    return { word: "done", data: method === "GET" ? readRows(text) : JSON.parse(text).data, recovered };
  };
  const toll = await new Traffic(send, stage.chaos, seed, stage.double).run(Math.floor(calls * 0.15));
  judge("the server", toll);
  expect(toll.words.done).toBeGreaterThan((toll.writes - toll.words.failed) * 0.6);
  // The clients that it began with are served still.
  for (const client of clients) {
    expect((await client.call("list_clusters")).isError).toBe(false);
    await client[Symbol.asyncDispose]();
  }
  expect(server.log.lines.filter((line) => /unexpected|fault/i.test(line))).toEqual([]);
  await server.close();
}, 180_000);

/** The rows of a table in an answer, or its one object. */
function readRows(text: string): unknown {
  if (text.startsWith("{")) return JSON.parse(text).data;
  const [, header = "", ...lines] = text.split("\n");
  const names = header.split("\t");
  return lines.map((line) => {
    const row = Object.fromEntries(line.split("\t").map((cell, index) => [names[index], cell]));
    return { ...row, vmid: Number(row["vmid"]) };
  });
}

interface Stage extends AsyncDisposable {
  readonly demo: DemoCluster;
  readonly chaos: Chaos;
  readonly config: ClusterConfig;
  readonly double: Double;
}

async function setStage(tls: Identity | undefined): Promise<Stage> {
  const [demo] = createDemo({ taskMs: 1, offlineDelayMs: 0, authDelayMs: 0 }).clusters;
  if (demo === undefined) throw new Error("the demo has no cluster");
  await makeGuests(demo);
  const chaos = await startChaos(demo, { seed, share: 0.25, nodes: ["pve1", "pve2"], ...(tls && { tls }) });
  const { user, tokenId, tokenSecret } = demo.credentials;
  const mode: TlsMode = tls === undefined ? { mode: "off" } : { mode: "fingerprint", fingerprints: [tls.fingerprint] };
  const config: ClusterConfig = {
    ...{
      name: "alpha",
      endpoints: chaos.urls,
      user,
      tokenId,
      tokenSecret: new Secret(tokenSecret),
      tls: mode,
      timeoutMs,
    },
    policy: { access: "full", consentFallback: "code", allow: undefined, deny: [], protect: [] },
  };
  const double: Double = async (method, path, params) => {
    const headers = { authorization: `PVEAPIToken=${demo.tokens["admin"]}` };
    const body = new URLSearchParams(params);
    await demo.fetch(new Request(`http://demo/api2/json${path}`, { method, headers, body }));
  };
  return { demo, chaos, config, double, [Symbol.asyncDispose]: () => chaos[Symbol.asyncDispose]() };
}

function judge(way: string, { calls: sent, writes, words, wrong }: Toll): void {
  const figures = `${way}, seed ${seed}: ${sent} calls, ${writes} writes ${JSON.stringify(words)}`;
  if (process.env["CHAOS_CALLS"] !== undefined) process.stderr.write(`${figures}, heap ${heapMiB().toFixed(1)} MiB\n`);
  expect(`${figures}\n${wrong.join("\n")}`).toBe(`${figures}\n`);
}

/**
 * A proxy that lets all pass, or a client that calls everything unknown, would prove nothing. On a busy machine many
 * writes find no connection in time: those failed truly, and count for neither.
 */
function proves({ writes, words }: Toll, { played }: Chaos): void {
  expect(played.size).toBe(15);
  expect(words.done).toBeGreaterThan((writes - words.failed) * 0.6);
  expect(words.failed).toBeLessThan(writes * 0.6);
  expect(words.recovered).toBeGreaterThan(writes * 0.02);
  expect(words.unknown).toBeLessThan(writes * 0.3);
}

function heapMiB(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed / 2 ** 20;
}
