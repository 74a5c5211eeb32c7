import { writeMessage } from "../../src/proxmox/message.ts";
import type { ProxmoxRequest } from "../../src/proxmox/request.ts";
import type { DemoCluster } from "../../src/simulator/index.ts";
import { type Chaos, numbers } from "../support/chaos-proxy.ts";

/** What somebody was told of a request. */
export type Told =
  | { readonly word: "done"; readonly data: unknown; readonly recovered: boolean }
  /** `unknown` says so, `failed` says that nothing was done. */
  | { readonly word: "failed" | "unknown"; readonly text: string };

export type Sender = (request: ProxmoxRequest) => Promise<Told>;

/** What the traffic came to. */
export interface Toll {
  readonly calls: number;
  readonly writes: number;
  /** How often which word was told of writes; `recovered` are those of `done` whose answer was lost. */
  readonly words: Readonly<Record<Told["word"] | "recovered", number>>;
  /** What must not be, each as a sentence. */
  readonly wrong: readonly string[];
}

/** Another process that uses the same token, past all chaos: `POST /nodes/...` with parameters. */
export type Double = (method: "POST" | "PUT", path: string, params: Readonly<Record<string, string>>) => Promise<void>;

/** A guest that many fight over. */
const common = 999;
const [firstVmid, lanes] = [1000, 32];

/** Makes the guests that the traffic is about, past all chaos. */
export async function makeGuests(demo: DemoCluster): Promise<void> {
  const headers = { authorization: `PVEAPIToken=${demo.tokens["admin"]}` };
  for (const vmid of [common, ...Array.from({ length: lanes }, (_, lane) => firstVmid + lane)]) {
    const body = new URLSearchParams({ vmid: String(vmid), name: "n0", description: "w0" });
    const url = `http://demo/api2/json/nodes/${nodeOf(vmid)}/qemu`;
    const { status } = await demo.fetch(new Request(url, { method: "POST", headers, body }));
    if (status !== 200) throw new Error(`no guest ${vmid}: ${status}`);
  }
}

/** One lane: whose guest it is, what its chance is, and which number that guest may show. */
interface Lane {
  readonly vmid: number;
  readonly random: () => number;
  /** How many writes it has sent. */
  writes: number;
  last: number;
  /** Of a write that may have been carried out late nobody knows when. */
  readonly late: Set<number>;
}

/**
 * Requests in parallel lanes. Each lane has a guest to itself, changes and reads it, and now and then fights with the
 * others over one; each write differs from all others, so that it is known what became of it.
 */
export class Traffic {
  readonly #send: Sender;
  readonly #chaos: Chaos;
  readonly #double: Double;
  readonly #lanes: readonly Lane[];

  constructor(send: Sender, chaos: Chaos, seed: number, double: Double) {
    this.#send = send;
    this.#chaos = chaos;
    this.#double = double;
    this.#lanes = Array.from({ length: lanes }, (_, index) => {
      const vmid = firstVmid + index;
      return { vmid, random: numbers(seed + vmid), writes: 0, last: 0, late: new Set() };
    });
  }

  /** Sends so many requests, and judges what was told of them once nothing more can come of any. */
  async run(calls: number): Promise<Toll> {
    const told: { request: ProxmoxRequest; told: Told }[] = [];
    const wrong: string[] = [];
    const each = Math.ceil(calls / lanes);
    const drive = async (lane: Lane) => {
      for (let call = 0; call < each; call++) {
        const draw = lane.random();
        if (draw < 0.5) wrong.push(...(await this.#read(lane, draw)));
        else told.push(await this.#write(lane, draw));
      }
    };
    await Promise.all(this.#lanes.map(drive));
    await this.#chaos.settled();
    for (const pair of told) wrong.push(...wrongIn(pair.request, pair.told, this.#chaos));
    const count = (word: Told["word"]) => told.filter((pair) => pair.told.word === word).length;
    const recovered = told.filter(({ told: answer }) => answer.word === "done" && answer.recovered).length;
    const words = { done: count("done"), failed: count("failed"), unknown: count("unknown"), recovered };
    return { calls: each * lanes, writes: told.length, words, wrong };
  }

  async #read({ vmid, last, late }: Lane, draw: number): Promise<string[]> {
    const read = reads[Math.floor(draw * 2 * reads.length)] ?? "config";
    const shown = numberShown(vmid, await this.#send(readRequest(read, vmid)));
    if (shown === undefined || shown === last || late.has(shown)) return [];
    return [`${read} of ${vmid} shows ${shown}, not ${[last, ...late].join(" or ")}`];
  }

  async #write(lane: Lane, draw: number): Promise<{ request: ProxmoxRequest; told: Told }> {
    lane.writes += 1;
    // A number of the lane's own, whoever is quicker: what happens to a write depends on it.
    const number = lane.vmid * 10_000 + lane.writes;
    const request = writeRequest(draw, lane.vmid, number);
    const [told] = await Promise.all([this.#send(request), this.#doAlike(lane, draw, number)]);
    if (request.method === "PUT") {
      if (told.word === "done") lane.last = number;
      if (told.word === "unknown") lane.late.add(number);
    }
    return { request, told };
  }

  /** The other process does the like to the same guest at the same moment, and never the very same. */
  async #doAlike({ vmid, random }: Lane, draw: number, number: number): Promise<void> {
    if (draw < 0.9 || random() < 0.5) return;
    const guest = `/nodes/${nodeOf(vmid)}/qemu/${vmid}`;
    await this.#double("POST", `${guest}/snapshot`, { snapname: `t${number}` });
  }
}

const reads = ["resources", "resources", "config", "config", "current", "tasks", "version"] as const;

function readRequest(read: (typeof reads)[number], vmid: number): ProxmoxRequest {
  const guest = ["nodes", nodeOf(vmid), "qemu", String(vmid)];
  switch (read) {
    case "resources":
      return { method: "GET", path: ["cluster", "resources"], params: { type: "vm" } };
    case "config":
      return { method: "GET", path: [...guest, "config"] };
    case "current":
      return { method: "GET", path: [...guest, "status", "current"] };
    case "tasks":
      return { method: "GET", path: ["nodes", nodeOf(vmid), "tasks"], params: { limit: 5 } };
    case "version":
      return { method: "GET", path: ["version"] };
  }
}

/** A write like no other: its number is part of what it sends. */
function writeRequest(draw: number, vmid: number, number: number): ProxmoxRequest {
  const guest = (of: number) => ["nodes", nodeOf(of), "qemu", String(of)];
  if (draw < 0.72) {
    return {
      method: "PUT",
      path: [...guest(vmid), "config"],
      params: { name: `n${number}`, description: `w${number}` },
    };
  }
  if (draw < 0.84) {
    const action = draw < 0.78 ? "start" : "stop";
    return { method: "POST", path: [...guest(vmid), "status", action], params: { timeout: number } };
  }
  if (draw < 0.9) return { method: "POST", path: [...guest(common), "status", "stop"], params: { timeout: number } };
  if (draw < 0.96) return { method: "DELETE", path: [...guest(vmid), "snapshot", `s${number}`] };
  return { method: "POST", path: [...guest(vmid), "snapshot"], params: { snapname: `s${number}` } };
}

function nodeOf(vmid: number): string {
  return vmid % 2 === 0 ? "pve1" : "pve2";
}

/** The number that the guest was given last, as an answer shows it; `undefined` where that is none of its business. */
function numberShown(vmid: number, told: Told): number | undefined {
  if (told.word !== "done") return undefined;
  const rows = Array.isArray(told.data) ? told.data : [told.data];
  const row = rows.find((each: { vmid?: number; description?: string }) => each.vmid === vmid || each.description);
  const [, number] = /^[nw](\d+)$/.exec(String(row?.description ?? row?.name ?? "").trim()) ?? [];
  return number === undefined ? undefined : Number(number);
}

function wrongIn(request: ProxmoxRequest, told: Told, chaos: Chaos): string[] {
  const { method, target, body = "" } = writeMessage(request.method, request.path, request.params ?? {});
  const { count, data } = chaos.carried({ method, target, body });
  const title = `${method} ${target} ${body}`;
  if (count > 1) return [`${title} was carried out ${count} times`];
  if (told.word === "done" && count === 0) return [`${title} was told to be done, and was not`];
  if (told.word === "done" && told.data !== data) {
    return [`${title} was answered with ${String(told.data)}, and is ${String(data)}`];
  }
  if (told.word === "failed" && count > 0) return [`${title} was told not to be done, and was: ${told.text}`];
  return [];
}
