import { describe, expect, test } from "bun:test";
import { AnswerMemory } from "../../../src/proxmox/answers/answer-memory.ts";
import { ProcessorTurns } from "../../../src/proxmox/answers/processor-turns.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import { guarded } from "../../support/guarded.ts";
import { replyData, startRawServer } from "../../support/raw-server.ts";
import { clusterAt } from "../clusters.ts";

const [large, small] = ["x".repeat(20_000), "x".repeat(10_000)];

const read = (...path: string[]): ProxmoxRequest => ({ method: "GET", path });

/** Counts the iterations of the event loop until it is disposed of. */
function countIterations(): Disposable & { readonly count: number } {
  let count = 0;
  let isOver = false;
  const next = () => {
    count += 1;
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]() {
      isOver = true;
    },
  };
}

/** A server that answers its requests all at once, when so many wait. */
async function startTogether(data: string, count: number) {
  const waiting: (() => void)[] = [];
  return await startRawServer((socket, request) => {
    waiting.push(() => replyData(data)(socket, request));
    if (waiting.length === count) for (const answer of waiting) answer();
  });
}

describe("over real connections", () => {
  test("large answers that arrive together are handed over in as many iterations of the event loop", async () => {
    await using server = await startTogether(large, 20);
    const client = new ProxmoxClient(clusterAt([server.url]));
    using loop = countIterations();
    const handedOver = async (index: number) => {
      using _ = await client.request(read("list", String(index)), { name: "ada" });
      return loop.count;
    };
    const iterations = await Promise.all(Array.from({ length: 20 }, (_, index) => handedOver(index)));
    expect(new Set(iterations).size).toBe(20);
  });

  test("those who share a large answer get it in as many iterations, and a small one all at once", async () => {
    await using server = await startRawServer((socket, request) =>
      replyData(request.target.endsWith("/large") ? large : small)(socket, request),
    );
    const client = new ProxmoxClient(clusterAt([server.url]));
    using loop = countIterations();
    const handedOver = async (path: string) => {
      using _ = await client.request(read(path), { name: "ada" });
      return loop.count;
    };
    const iterationsOf = async (path: string) =>
      new Set(await Promise.all(Array.from({ length: 20 }, () => handedOver(path)))).size;
    expect(await iterationsOf("small")).toBe(1);
    expect(await iterationsOf("large")).toBe(20);
    expect(server.requests).toHaveLength(2);
  });

  test("a read whose answer waits for its turn keeps its slot, so that no more arrive than are processed", async () => {
    await using server = await startRawServer(replyData(large));
    const client = new ProxmoxClient(clusterAt([server.url]), { slots: { total: 3, perRequester: 3 } });
    let done = 0;
    const ahead = async (index: number) => {
      using _ = await client.request(read("list", String(index)), { name: "ada" });
      done += 1;
      return server.requests.length - done;
    };
    const most = Math.max(...(await Promise.all(Array.from({ length: 60 }, (_, index) => ahead(index)))));
    expect(most).toBeLessThanOrEqual(3);
  });
});

test("another requester's answer is processed after one more answer of those that came before it", async () => {
  const ready = Promise.withResolvers<void>();
  const fetch = async () => {
    await ready.promise;
    return new Response(JSON.stringify({ data: large }));
  };
  const client = new ProxmoxClient(clusterAt(["http://127.0.0.1"]), { fetch });
  const order: string[] = [];
  const ask = async (name: string, index: number) => {
    using _ = await client.request(read("list", String(index)), { name });
    order.push(name);
  };
  const asked = [...Array.from({ length: 20 }, (_, index) => ask("ada", index)), ask("bob", 0), ask("cleo", 0)];
  ready.resolve();
  await Promise.all(asked);
  // The first one's turn may be there at once.
  expect(order.indexOf("bob")).toBeWithin(1, 3);
  expect(order.indexOf("cleo")).toBe(order.indexOf("bob") + 1);
});

test("many requests of a call are sent in several iterations of the event loop, 20 in each turn", async () => {
  const names = ["c0", "c1", "c2", "c3", "c4"];
  const clusters = names.map((name) => ({ ...clusterAt(["http://127.0.0.1"]), name }));
  using loop = countIterations();
  const sentIn: number[] = [];
  const fetch = async () => {
    sentIn.push(loop.count);
    return Response.json({ data: small });
  };
  const proxmox = guarded(clusters, { optionsOf: () => ({ fetch }) });
  const ask = async (index: number) => await proxmox.request(names[index % 5], read("nodes", `n${index}`, "status"));
  await Promise.all(Array.from({ length: 100 }, (_, index) => ask(index)));
  const counts = [...Map.groupBy(sentIn, (iteration) => iteration).values()].map(({ length }) => length);
  // The first requests need no turn, and that of the next ones may be in the same iteration.
  expect(counts).toBeOneOf([
    [40, 20, 20, 20],
    [20, 20, 20, 20, 20],
  ]);
});

/** Turns whose iterations of the event loop the test makes. */
function manual() {
  const scheduled: (() => void)[] = [];
  const turns = new ProcessorTurns((next) => scheduled.push(next));
  const memory = new AnswerMemory();
  const order: string[] = [];
  const wait = async (turn: Promise<void>, label: string) => {
    try {
      await turn;
      order.push(label);
    } catch (reason) {
      order.push(`${label} ${reason}`);
    }
  };
  return {
    order,
    turns,
    /** Wants a turn for an answer of 100 KiB; `order` has its label once it is there. Returns whether it was at once. */
    want(name: string, label: string, signal?: AbortSignal): boolean {
      const lease = memory.lease({ requester: name, cluster: "alpha", clusterShare: 1 });
      lease.take(100 * 1024);
      const turn = turns.forAnswer(lease, name, signal);
      if (turn === undefined) order.push(label);
      else void wait(turn, label);
      return turn === undefined;
    },
    /** Runs what is scheduled for the next iteration; returns whether anything was. */
    async iterate() {
      const next = scheduled.splice(0);
      for (const run of next) run();
      await Bun.sleep(0);
      return next.length > 0;
    },
  };
}

test("a turn that nothing waits for is there at once, and one that is taken ends with the iteration", async () => {
  const { want, iterate, order } = manual();
  expect(want("ada", "first")).toBe(true);
  expect(await iterate()).toBe(true);
  expect(await iterate()).toBe(false);
  expect(want("ada", "second")).toBe(true);
  expect(order).toEqual(["first", "second"]);
});

test("an answer that is given up while it waits takes no turn", async () => {
  const { want, iterate, order, turns } = manual();
  const leaving = new AbortController();
  want("ada", "a1");
  want("ada", "a2", leaving.signal);
  want("ada", "a3");
  want("bob", "b1", leaving.signal);
  want("cleo", "c1", AbortSignal.abort("gone"));
  expect(turns.describe("ada").what).toContain("2 large answers or groups of requests of caller ada");
  leaving.abort("left");
  await iterate();
  expect(order.toSorted()).toEqual(["a1", "a2 left", "a3", "b1 left", "c1 gone"]);
  expect(turns.describe("bob").what).toContain("0 large answers or groups of requests of caller bob");
  expect(await iterate()).toBe(true);
  expect(await iterate()).toBe(false);
});
