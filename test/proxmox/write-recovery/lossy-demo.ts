import { Secret } from "../../../src/config/secret.ts";
import { ProxmoxClient, type ProxmoxClientOptions } from "../../../src/proxmox/client.ts";
import type { Params } from "../../../src/proxmox/params.ts";
import { parsePath } from "../../../src/proxmox/path.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import { createDemo, type DemoCluster } from "../../../src/simulator/index.ts";
import { clusterAt } from "../clusters.ts";

/** What becomes of a write's answer, or of the write itself: a number is lost too, and carried out so many milliseconds later. */
export type Loss = "answer" | "request" | number | undefined;

/** A demo cluster inside this process whose answers get lost as a test says. */
export interface LossyDemo {
  readonly demo: DemoCluster;
  /** What was carried out, `POST /nodes/pve1/qemu/100/status/start`, without reads. */
  readonly done: readonly string[];
  /** What was asked for, reads too, in the same form. */
  readonly asked: readonly string[];
  /** Decides over each request that comes from now on. */
  lose(loss: (line: string) => Loss): void;
  /** Lets time pass in the cluster, in milliseconds. */
  pass(ms: number): void;
  /** Sets the clocks of the cluster's nodes, in milliseconds; no time passes. */
  step(ms: number): void;
  /** A client of the cluster; by default with the administrator's token, and within this process. */
  client(options?: LossyClientOptions): ProxmoxClient;
}

interface LossyClientOptions extends ProxmoxClientOptions {
  readonly token?: string;
  readonly timeoutMs?: number;
  /** A server of the test's own in between. */
  readonly url?: string;
}

/** Starts a demo whose clock is an hour behind this machine's. */
export function lossyDemo(): LossyDemo {
  let now = Date.now() - 3_600_000;
  const began = performance.now();
  const clock = () => now + (performance.now() - began);
  const [demo] = createDemo({ now: clock, taskMs: 1, offlineDelayMs: 0, authDelayMs: 0 }).clusters;
  if (demo === undefined) throw new Error("the demo has no cluster");
  const done: string[] = [];
  const asked: string[] = [];
  let loss: (line: string) => Loss = () => undefined;
  const fetch = async (request: Request): Promise<Response> => {
    const line = `${request.method} ${new URL(request.url).pathname.slice("/api2/json".length)}`;
    const lost = loss(line);
    asked.push(line);
    if (typeof lost === "number") {
      setTimeout(() => {
        void demo.fetch(request).then(() => done.push(line));
      }, lost);
      throw new Error("the connection broke");
    }
    if (lost === "request") throw new Error("the connection broke");
    const response = await demo.fetch(request);
    if (request.method !== "GET" && response.status === 200) done.push(line);
    if (lost === "answer") throw new Error("the connection broke");
    response.headers.set("date", new Date(clock()).toUTCString());
    return response;
  };
  return {
    demo,
    done,
    asked,
    lose: (decide) => {
      loss = decide;
    },
    pass: (ms) => {
      now += ms;
    },
    step: (ms) => {
      now += ms;
      // What is counted since boot stays as it was.
      for (const node of demo.world.nodes.values()) Object.assign(node, { booted: node.booted + ms });
    },
    client({ token = demo.tokens["admin"] ?? "", timeoutMs = 5_000, url, ...options } = {}) {
      const [, user = "", tokenId = "", secret = ""] = /^(.+?)!(.+?)=(.+)$/.exec(token) ?? [];
      const at = clusterAt([url ?? "https://alpha:8006"], { mode: "off" }, timeoutMs);
      const config = { ...at, user, tokenId, tokenSecret: new Secret(secret) };
      return new ProxmoxClient(config, { lookUpMs: 300, ...(url === undefined && { fetch }), ...options });
    },
  };
}

/** A write, as `POST /nodes/pve1/qemu/100/status/start`. */
export function write(line: string, params: Params = {}): ProxmoxRequest {
  const [method = "", path = ""] = line.split(" ");
  return { method: method as ProxmoxRequest["method"], path: parsePath(path), params };
}

/** Every write's answer is lost. */
export const losesAnswers = (line: string): Loss => (line.startsWith("GET ") ? undefined : "answer");
/** No write arrives. */
export const losesWrites = (line: string): Loss => (line.startsWith("GET ") ? undefined : "request");
