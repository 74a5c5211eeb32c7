import { expect, test } from "bun:test";
import { ClusterManager } from "../../../src/clusters.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import { FairSlots } from "../../../src/proxmox/transport/slots.ts";
import { until } from "../../support/listening.ts";
import { type RawServer, replyData, startRawServer } from "../../support/raw-server.ts";
import { clusterAt } from "../clusters.ts";

/** A server that answers a request when the test says so. */
interface HeldServer extends RawServer {
  /** The requests that wait for their answer, `GET /path`, in the order in which they came. */
  held(): readonly string[];
  /** Answers the oldest of a path. */
  answer(line: string): void;
}

async function startHeld(): Promise<HeldServer> {
  const waiting: { line: string; answer: () => void }[] = [];
  const server = await startRawServer((socket, request) => {
    const line = `${request.method} ${request.target.replace("/api2/json", "")}`;
    const entry = { line, answer: () => replyData(line)(socket, request) };
    waiting.push(entry);
    socket.on("close", () => {
      if (waiting.includes(entry)) waiting.splice(waiting.indexOf(entry), 1);
    });
  });
  return {
    ...server,
    held: () => waiting.map(({ line }) => line),
    answer(line) {
      const [found] = waiting.splice(
        waiting.findIndex((one) => one.line === line),
        1,
      );
      found?.answer();
    },
  };
}

const read = (...path: string[]): ProxmoxRequest => ({ method: "GET", path });
const [ada, bob, cleo] = [{ name: "ada" }, { name: "bob" }, { name: "cleo" }];

const ignore = () => undefined;

const small = { slots: { total: 4, perRequester: 3 } };

/** Asks for `/name/0`, `/name/1`, ... on behalf of a requester; what becomes of them is of no interest. */
function ask(client: ProxmoxClient, requester: { name: string }, count: number, signal?: AbortSignal): void {
  for (let index = 0; index < count; index++) {
    const request = { ...read(requester.name, String(index)), ...(signal !== undefined && { signal }) };
    client.request(request, requester).catch(() => undefined);
  }
}

test("one requester never has all slots of an endpoint, and what it cannot have another one gets at once", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), small);
  ask(client, ada, 10);
  await until(() => server.held().length === 3);
  ask(client, bob, 1);
  await until(() => server.held().includes("GET /bob/0"));
  expect(server.held()).toHaveLength(4);
});

test("a slot that becomes free goes to the requester with the fewest, in turn, however many others wait", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), small);
  ask(client, ada, 10);
  ask(client, bob, 10);
  ask(client, cleo, 10);
  await until(() => server.held().length === 4);
  // ada has three, bob one; cleo, who came last, is next, and then it takes turns.
  server.answer("GET /ada/0");
  await until(() => server.held().includes("GET /cleo/0"));
  server.answer("GET /ada/1");
  await until(() => server.held().length === 4);
  const owners = () => Map.groupBy(server.held(), (line) => line.split("/")[1]);
  expect([...owners().values()].map(({ length }) => length).sort()).toEqual([1, 1, 2]);
  for (let round = 0; round < 12; round++) {
    const [line = ""] = server.held();
    server.answer(line);
    await until(() => server.held().length === 4);
    expect(owners().size).toBe(3);
  }
});

test("no number of reads holds up a write, and no number of writes a read or another's write", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), small);
  ask(client, ada, 10);
  ask(client, bob, 10);
  await until(() => server.held().length === 4);
  const write = (path: string, requester: { name: string }) =>
    client.request({ method: "POST", path: [path] }, requester).catch(() => undefined);
  const writes = () => server.held().filter((line) => line.startsWith("POST"));
  for (const path of ["one", "two", "three", "four"]) void write(path, ada);
  await until(() => writes().length === 3);
  void write("bobs", bob);
  await until(() => writes().includes("POST /bobs"));
  expect(writes()).toHaveLength(4);
  server.answer("GET /ada/0");
  await until(() => server.held().filter((line) => line.startsWith("GET")).length === 4);
});

test("a request that is given up keeps its slot until the endpoint has answered it, and one that waits takes none", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), small);
  const given = new AbortController();
  const ended: Promise<unknown>[] = [];
  for (let index = 0; index < 10; index++) {
    const request = { ...read("ada", String(index)), signal: given.signal };
    ended.push(client.request(request, ada).catch(({ kind }) => kind));
  }
  await until(() => server.held().length === 3);
  given.abort();
  // For the one who gave up it is over at once, whatever the endpoint does.
  expect(await Promise.all(ended)).toEqual(Array(10).fill("aborted"));
  ask(client, ada, 1);
  ask(client, bob, 2);
  await until(() => server.held().includes("GET /bob/0"));
  expect(server.held()).toEqual(["GET /ada/0", "GET /ada/1", "GET /ada/2", "GET /bob/0"]);
  server.answer("GET /ada/1");
  await until(() => server.held().includes("GET /bob/1") || server.requests.length === 5);
  server.answer("GET /ada/2");
  server.answer("GET /ada/0");
  await until(() => server.requests.length === 6);
  expect(server.requests.map(({ target }) => target).filter((target) => target.includes("/ada/"))).toHaveLength(4);
});

test("a request that is given up and never answered frees its slot after a while, and closes its connection", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), { slots: { ...small.slots, abandonedMs: 20 } });
  for (const method of ["GET", "POST"] as const) {
    const given = new AbortController();
    for (const name of ["0", "1", "2"]) {
      client.request({ method, path: ["given", name], signal: given.signal }, ada).catch(() => undefined);
    }
    await until(() => server.held().length === 3);
    given.abort();
    client.request({ method, path: ["next"] }, ada).catch(() => undefined);
    await until(() => server.held().join() === `${method} /next`);
    server.answer(`${method} /next`);
  }
});

test("a read whose answer has begun frees its slot when it is given up", async () => {
  let begun = 0;
  await using server = await startRawServer((socket, request) => {
    if (request.target.endsWith("/next")) {
      replyData("next")(socket, request);
      return;
    }
    begun += 1;
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{");
  });
  const client = new ProxmoxClient(clusterAt([server.url]), {
    slots: { total: 1, perRequester: 1, abandonedMs: 60_000 },
  });
  const given = new AbortController();
  const late = client.request({ ...read("half"), signal: given.signal }, ada).catch(({ kind }) => kind);
  await until(() => begun === 1);
  given.abort();
  expect(await late).toBe("aborted");
  expect((await client.request(read("next"), ada)).data).toBe("next");
});

test("a call that is given up while it waits says who had the slots then", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), small);
  const given = new AbortController();
  const asked = ["0", "1", "2", "3"].map((name) =>
    client.request({ ...read("ada", name), signal: given.signal }, ada).catch(String),
  );
  await until(() => server.held().length === 3);
  given.abort();
  expect(await asked[3]).toContain(`slots of ${server.url}: caller ada uses 3 (at most 3), other callers 0`);
  const next = client.request({ ...read("ada", "next"), timeoutMs: 20 }, ada).catch(String);
  expect(await next).toContain(
    "caller ada uses 3 (at most 3), 3 of them for requests that were given up but not yet answered, other callers 0",
  );
});

test("each endpoint has slots of its own", async () => {
  await using first = await startHeld();
  await using second = await startHeld();
  const client = new ProxmoxClient(clusterAt([first.url, second.url]), { ...small, patienceMs: 50 });
  ask(client, ada, 10);
  await until(() => first.held().length === 3 && second.held().length === 3);
});

test("a read that found its first endpoint busy and was answered by the next one tells of no failure", async () => {
  await using first = await startHeld();
  await using second = await startRawServer(replyData("second"));
  const client = new ProxmoxClient(clusterAt([first.url, second.url]), { ...small, patienceMs: 30_000 });
  ask(client, ada, 3);
  await until(() => first.held().length === 3);
  const answer = await client.request({ ...read("late"), timeoutMs: 4_000 }, ada);
  expect(answer).toMatchObject({ data: "second", endpoint: second.url });
  expect(answer).not.toHaveProperty("detour");
});

test("what ends while it waits for a slot says so, for which endpoint, and who has how many", async () => {
  await using server = await startHeld();
  const client = new ProxmoxClient(clusterAt([server.url]), small);
  ask(client, bob, 1);
  ask(client, ada, 3);
  await until(() => server.held().length === 4);
  const fail = async (more: Partial<ProxmoxRequest>) =>
    await client.request({ ...read("late"), ...more }, ada).then(
      () => "answered",
      (error: unknown) => String(error),
    );
  const why = `one of the 4 read slots of ${server.url}: caller ada uses 3 (at most 3), other callers 1`;
  expect(await fail({ timeoutMs: 60 })).toBe(
    `GET /late on prod: it waited 60 ms for ${why}\nSend fewer requests at a time, or retry later.`,
  );
  expect(await fail({ signal: AbortSignal.timeout(30) })).toBe(
    `GET /late on prod: given up by the caller before it was sent, while it waited for ${why}`,
  );
});

test("a read that waits for a slot of one endpoint while another one is silent blames the silent one", async () => {
  const held: string[] = [];
  await using silent = await startRawServer((socket, { target }) => {
    if (target.endsWith("/elsewhere")) socket.destroy();
    else held.push(target);
  });
  await using busy = await startHeld();
  const cluster = clusterAt([silent.url, busy.url]);
  const client = new ProxmoxClient(cluster, { slots: { total: 1, perRequester: 1 }, patienceMs: 20, deadMs: 0 });
  client.request(read("elsewhere"), bob).catch(() => undefined);
  await until(() => busy.held().length === 1);
  const late = client.request({ ...read("late"), timeoutMs: 150 }, ada).catch(String);
  expect(await late).toStartWith("GET /late on prod: no answer within 150 ms; it was sent");
  expect(held).toHaveLength(1);
  expect(busy.held()).toEqual(["GET /elsewhere"]);
});

test("a cluster that was not asked for want of a slot is not reported as unreachable", async () => {
  await using server = await startHeld();
  const clusters = new ClusterManager([clusterAt([server.url], { mode: "off" }, 60)], () => small);
  for (const path of ["0", "1", "2"]) {
    const { client } = clusters.pick(undefined);
    client.request({ ...read("ada", path), timeoutMs: 5_000 }, ada).catch(() => undefined);
  }
  await until(() => server.held().length === 3);
  const state = clusters.state("prod", ada, new AbortController().signal);
  expect(await state.catch((error: unknown) => error)).toMatchObject({ kind: "busy", sent: "no" });
  expect(server.requests).toHaveLength(3);
});

test("what is aborted between getting its slot and running does not run, and gives the slot back", async () => {
  const never = new AbortController().signal;
  // Which microtask lies between the two depends on the runtime: each is tried.
  for (let microtasks = 0; microtasks < 20; microtasks++) {
    const slots = new FairSlots("slots", { total: 1, perRequester: 1 });
    const first = Promise.withResolvers<void>();
    const given = new AbortController();
    const running = slots.run("ada", never, ignore, async () => await first.promise);
    let ranAborted = false;
    const late = slots.run("bob", given.signal, ignore, async () => {
      ranAborted = given.signal.aborted;
    });
    first.resolve();
    for (let passed = 0; passed < microtasks; passed++) await undefined;
    given.abort("given up");
    await Promise.allSettled([running, late]);
    expect(ranAborted).toBe(false);
    expect(await slots.run("cleo", never, ignore, async () => "ran")).toBe("ran");
  }
});
