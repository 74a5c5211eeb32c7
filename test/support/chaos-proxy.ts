import type { Socket } from "node:net";
import type { DemoCluster } from "../../src/simulator/index.ts";
import { type RawRequest, type RawServer, startRawServer } from "./raw-server.ts";

/** What was carried out of one write, by its method, target and body. */
export interface Carried {
  /** How many times. */
  count: number;
  /** The answer's data, which for most is a UPID. */
  data: unknown;
}

/** What goes wrong between a client and a demo, and how often. */
export interface ChaosOptions {
  readonly seed: number;
  /** The part of requests that something happens to, from 0 to 1. */
  readonly share: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The nodes that the endpoints are, one each. */
  readonly nodes: readonly string[];
}

/** A demo cluster behind endpoints that misbehave. */
export interface Chaos extends AsyncDisposable {
  readonly urls: readonly string[];
  /** How often each fault was played. */
  readonly played: ReadonlyMap<string, number>;
  /** What was carried out of a write: `{count: 0}` of one that never was. */
  carried(write: Pick<RawRequest, "method" | "target" | "body">): Carried;
  /** Waits for all that is carried out late. */
  settled(): Promise<void>;
}

/** One request, and what can be done with it. */
interface Scene {
  readonly socket: Socket;
  /** Carries it out; the answer in the form of the wire. */
  answer(): Promise<Reply>;
  /** Carries it out after so many milliseconds, without an answer. */
  late(ms: number): void;
  /** The next number of this request's own, from 0 to 1. */
  random(): number;
}

interface Reply {
  readonly head: string;
  readonly body: Buffer;
}

const faults: Readonly<Record<string, (scene: Scene) => unknown>> = {
  "cut before the request": ({ socket }) => socket.destroy(),
  "cut after the request": async ({ socket, answer }) => {
    await answer();
    socket.destroy();
  },
  "reset after the request": async ({ socket, answer }) => {
    await answer();
    if (socket.resetAndDestroy === undefined) socket.destroy();
    else socket.resetAndDestroy();
  },
  "cut in the middle of the answer": async ({ socket, answer, random }) => {
    const whole = wire(await answer());
    socket.end(whole.subarray(0, Math.floor(whole.length * random())));
  },
  "torn down in the middle of the answer": async ({ socket, answer }) => {
    const whole = wire(await answer());
    socket.write(whole.subarray(0, whole.length >> 1), () => socket.destroy());
  },
  "slow headers": async ({ socket, answer }) => {
    const whole = wire(await answer());
    await inPieces(socket, [whole.subarray(0, 12), whole.subarray(12, 40), whole.subarray(40)]);
  },
  "slow body": async ({ socket, answer }) => {
    const { head, body } = await answer();
    const half = body.length >> 1;
    await inPieces(socket, [Buffer.from(head), body.subarray(0, half), body.subarray(half)]);
  },
  "truncated JSON": async ({ socket, answer }) => {
    const { head, body } = await answer();
    const cut = body.subarray(0, Math.floor(body.length * 0.6));
    socket.write(wire({ head: head.replace(/content-length: \d+/, `content-length: ${cut.length}`), body: cut }));
  },
  "wrong length": async ({ socket, answer }) => {
    const { head, body } = await answer();
    socket.end(wire({ head: head.replace(/content-length: \d+/, `content-length: ${body.length + 50}`), body }));
  },
  "a proxy's 502": ({ socket, late, random }) => {
    if (random() < 0.5) late(random() * 100);
    socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 7\r\n\r\n<h1>no!");
  },
  "595": ({ socket }) => socket.end("HTTP/1.1 595 No route to host\r\ncontent-length: 0\r\n\r\n"),
  "596 after it was carried out": async ({ socket, answer }) => {
    await answer();
    socket.end("HTTP/1.1 596 Connection timed out\r\ncontent-length: 0\r\n\r\n");
  },
  "596 before it is carried out, or never is": ({ socket, late, random }) => {
    if (random() < 0.5) late(random() * 400);
    socket.end("HTTP/1.1 596 Connection timed out\r\ncontent-length: 0\r\n\r\n");
  },
  // In life these are 30 s; the client's time is made as much shorter.
  "silence, carried out at once": ({ answer }) => answer(),
  "silence, carried out late or never": ({ late, random }) => {
    if (random() < 0.5) late(random() * 600);
  },
};

/** An endpoint comes and goes: of so many connections the last ones find it gone; never all endpoints at once. */
const [flapEvery, flapFor] = [60, 12];

/**
 * Puts endpoints that misbehave before a demo cluster. What happens to a request depends on the seed, on what it asks
 * and how often that was asked before: the same writes meet the same faults, whichever comes first.
 */
export async function startChaos(demo: DemoCluster, options: ChaosOptions): Promise<Chaos> {
  const carried = new Map<string, Carried>();
  const asked = new Map<string, number>();
  const played = new Map<string, number>();
  const pending = new Set<Promise<unknown>>();

  const carryOut = async (request: RawRequest, node: string): Promise<Reply> => {
    const { method, target, headers, body } = request;
    const given = new Request(`http://demo${target}`, { method, headers, ...(body !== "" && { body }) });
    const response = await demo.fetch(given, node);
    const text = await response.text();
    if (method !== "GET" && response.status === 200) {
      const { count } = carried.get(keyOf(request)) ?? { count: 0 };
      carried.set(keyOf(request), { count: count + 1, data: (JSON.parse(text) as { data: unknown }).data });
    }
    const bytes = Buffer.from(text);
    const head = `HTTP/1.1 ${response.status} ${response.statusText}\r\ncontent-type: application/json;charset=UTF-8\r\n`;
    return { head: `${head}date: ${new Date().toUTCString()}\r\ncontent-length: ${bytes.length}\r\n\r\n`, body: bytes };
  };

  const keep = (work: Promise<unknown>) => {
    pending.add(work);
    void work.finally(() => pending.delete(work));
  };

  const play = async (socket: Socket, request: RawRequest, node: string) => {
    const before = asked.get(keyOf(request)) ?? 0;
    // Writes differ from each other; the few targets of reads come over and over.
    if (request.method === "GET") asked.set(keyOf(request), before + 1);
    const random = numbers(Bun.hash.xxHash32(`${before} ${keyOf(request)}`, options.seed));
    const names = Object.keys(faults);
    const name = random() < options.share ? names[Math.floor(random() * names.length)] : undefined;
    const answer = async () => await carryOut(request, node);
    const fault = name === undefined ? undefined : faults[name];
    if (name === undefined || fault === undefined) {
      socket.write(wire(await answer()));
      return;
    }
    played.set(name, (played.get(name) ?? 0) + 1);
    const late = (ms: number) => keep(Bun.sleep(ms).then(answer));
    await fault({ socket, answer, late, random });
  };

  const servers: RawServer[] = [];
  const gone = new Set<string>();
  for (const [index, node] of options.nodes.entries()) {
    let connections = index * (flapEvery >> 1);
    const admit = () => {
      if ((connections++ % flapEvery) + flapFor < flapEvery) gone.delete(node);
      else if (gone.size + 1 < options.nodes.length) gone.add(node);
      return !gone.has(node);
    };
    const server = await startRawServer((socket, request) => keep(play(socket, request, node)), {
      ...(options.tls && { tls: options.tls }),
      remember: false,
      admit,
    });
    servers.push(server);
  }
  return {
    urls: servers.map(({ url }) => url),
    played,
    carried: (write) => carried.get(keyOf(write)) ?? { count: 0, data: undefined },
    async settled() {
      while (pending.size > 0) await Promise.allSettled(pending);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

function keyOf({ method, target, body }: Pick<RawRequest, "method" | "target" | "body">): string {
  return `${method} ${target} ${body}`;
}

function wire({ head, body }: Reply): Buffer {
  return Buffer.concat([Buffer.from(head), body]);
}

async function inPieces(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await Bun.sleep(8);
  }
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
