import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { SchemaCache } from "../../../src/apidoc/cache/schema-cache.ts";
import { AnswerMemory, type Timing, UsedAnswers } from "../../../src/proxmox/answers/answer-memory.ts";
import { AnswerWeight } from "../../../src/proxmox/answers/answer-weight.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import type { Requester } from "../../../src/proxmox/requester.ts";
import { createDemo } from "../../../src/simulator/index.ts";
import { until } from "../../support/listening.ts";
import { type RawServer, replyData, startRawServer } from "../../support/raw-server.ts";
import { clusterAt } from "../clusters.ts";

const kib = 1024;

/** An answer that weighs so many KiB, or a little less. */
function bodyOf(weightKib: number): string {
  return JSON.stringify({ data: "x".repeat((weightKib * kib) / 4 - 250) });
}

/** Who is asked about in the memory of a test with one cluster. */
const owner = { requester: "ada", cluster: "prod", clusterShare: 1 };

/** An answer in two halves. */
interface HalfAnswer {
  readonly path: string;
  /** Sends the rest; the first half went out when the request came. */
  finish(): void;
}

/** A server whose answers weigh what their path says, `/600` KiB; those below `/half` come in halves. */
async function startWeighty(): Promise<RawServer & { readonly halves: readonly HalfAnswer[] }> {
  const halves: HalfAnswer[] = [];
  const server = await startRawServer((socket: Socket, { target, method }) => {
    const path = target.replace("/api2/json", "");
    const body = method === "GET" ? bodyOf(Number(/\d+/.exec(path)?.[0])) : '{"data":null}';
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    if (!path.startsWith("/half")) {
      socket.write(head + body);
      return;
    }
    const middle = body.length / 2;
    socket.write(head + body.slice(0, middle));
    halves.push({ path, finish: () => socket.write(body.slice(middle)) });
  });
  return { ...server, halves };
}

const read = (...path: string[]): ProxmoxRequest => ({ method: "GET", path });

/** A requester whose answers are in use until its call ends. */
function calling(name: string): Requester & { readonly answers: UsedAnswers } {
  return { name, answers: new UsedAnswers() };
}

/** A client whose answers may weigh a MiB together, and three quarters of one for one requester. */
function clientOf(server: RawServer, timeoutMs = 5_000): ProxmoxClient {
  const answerMemory = new AnswerMemory(1024 * kib);
  return new ProxmoxClient(clusterAt([server.url], { mode: "off" }, timeoutMs), { answerMemory });
}

/** Whether a promise is settled after all that could settle it now has had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await Bun.sleep(50);
  return settled;
}

/** What a read says that waits for memory until its time is over, which must be long enough for its answer to begin. */
async function waitedFor(late: (timeoutMs: number) => Promise<unknown>): Promise<{ ms: number; text: string }> {
  for (let ms = 80; ; ms *= 2) {
    const text = await late(ms).then(() => "answered", String);
    if (!text.includes("no answer within")) return { ms, text };
  }
}

test("an answer waits while others use the memory, and is read once they are dropped", async () => {
  await using server = await startWeighty();
  const client = clientOf(server);
  const ada = calling("ada");
  const first = await client.request(read("600"), ada);
  const second = client.request(read("601"), ada);
  expect(await isSettled(second)).toBe(false);
  first[Symbol.dispose]();
  expect(String((await second).data)).toHaveLength(bodyOf(601).length - 11);
  // The end of the call drops what it did not.
  const third = client.request(read("602"), calling("ada"));
  expect(await isSettled(third)).toBe(false);
  ada.answers[Symbol.dispose]();
  await third;
});

test("what cannot be read in time says how much is read already, the limit and its setting", async () => {
  await using server = await startWeighty();
  const client = clientOf(server);
  const ada = calling("ada");
  await client.request(read("600"), ada);
  const late = await waitedFor((timeoutMs) => client.request({ ...read("700"), timeoutMs }, ada));
  expect(late.text).toMatch(
    /^GET \/700 on prod: it waited [\d.]+ m?s for memory: answers being read or in use take 0\.[6-9] of 1 MiB, those of caller ada 0\.[6-9] \(at most 0\.8; MCP_ANSWER_MEMORY_MIB\)\nRequest less at a time, or retry later\.$/,
  );
  const signal = AbortSignal.timeout(late.ms);
  const given = client.request({ ...read("700"), signal, timeoutMs: 60_000 }, ada).catch(String);
  expect(await given).toContain("given up by the caller before the answer came");
});

test("an answer that weighs more than one caller's share is read alone", async () => {
  await using server = await startWeighty();
  const client = clientOf(server);
  const ada = calling("ada");
  const large = await client.request(read("1000"), ada);
  const next = client.request(read("1001"), calling("bob"));
  expect(await isSettled(next)).toBe(false);
  large[Symbol.dispose]();
  await next;
});

test("an answer with more different keys than rows can have is refused, however much memory there is", async () => {
  const keys = Object.fromEntries(Array.from({ length: 110_000 }, (_, index) => [index.toString(36), 0]));
  await using server = await startRawServer(replyData(keys));
  const client = new ProxmoxClient(clusterAt([server.url]), { answerMemory: new AnswerMemory(4096 * 1024 * kib) });
  const error = client.request(read("keys"), calling("ada")).catch(String);
  expect(await error).toMatch(
    /: the answer has more than 100000 different keys and was not read further: its first \d+ bytes hold /,
  );
});

test("an answer that weighs more than all memory is refused, with what was counted and the setting", async () => {
  const rows = JSON.stringify({ data: Array.from({ length: 6_000 }, (_, vmid) => ({ vmid, [`k${vmid}`]: ["on"] })) });
  let sent = 0;
  await using server = await startRawServer((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${9000 * kib}\r\n\r\n${rows}`);
    sent += 1;
  });
  const client = clientOf(server);
  const error = await client.request(read("rows"), calling("ada")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: "too-large", sent: "answered" });
  expect(String(error)).toMatch(
    /^GET \/rows on prod: the answer takes more than 1 MiB of memory and was not read further: its first \d+ bytes hold \d+ lists and objects, \d+ texts, \d+ different keys, \d+ values\nAsk for less: .*, or set MCP_ANSWER_MEMORY_MIB higher\.$/,
  );
  expect(sent).toBe(1);
});

test("answers that are read by halves together do not block each other", async () => {
  await using server = await startWeighty();
  const client = clientOf(server);
  const paths = Array.from({ length: 12 }, (_, index) => read("half", String(900 + index)));
  const answers = paths.map(async (path, index) => {
    using answer = await client.request(path, calling(index % 2 === 0 ? "ada" : "bob"));
    return String(answer.data).length;
  });
  await until(() => server.halves.length === 12);
  expect(await isSettled(Promise.race(answers))).toBe(false);
  // The youngest first: none of them may wait for one that is older.
  for (const { finish } of server.halves.toReversed()) finish();
  expect(await Promise.all(answers)).toHaveLength(12);
});

test("small answers and writes never wait, and one requester leaves memory for others", async () => {
  await using server = await startWeighty();
  const client = clientOf(server, 60_000);
  const given = new AbortController();
  await client.request(read("700"), calling("ada"));
  const waiting = client.request({ ...read("701"), signal: given.signal }, calling("ada"));
  expect(await isSettled(waiting)).toBe(false);
  await client.request(read("200"), calling("bob"));
  await client.request(read("201"), calling("bob"));
  await client.request({ method: "PUT", path: ["1"] }, calling("ada"));
  expect(await isSettled(waiting)).toBe(false);
  given.abort();
  expect(await waiting.catch(String)).toContain("before the answer came, while it waited for memory");
});

test.each([
  ["is given up", (_: Socket, given: AbortController) => given.abort()],
  ["breaks off", (socket: Socket) => socket.destroy()],
  ["is too large", (socket: Socket) => socket.write("y".repeat(300 * kib))],
] as const)("a read that %s half-way gives its memory back", async (_, end) => {
  const sockets: Socket[] = [];
  await using server = await startRawServer((socket) => {
    sockets.push(socket);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${9000 * kib}\r\n\r\n${"y".repeat(768 * kib)}`);
  });
  const answerMemory = new AnswerMemory(10 * 1024 * kib);
  const client = new ProxmoxClient(clusterAt([server.url]), { answerMemory, maxAnswerBytes: 1024 * kib });
  const inUse = (mib: number) => until(() => answerMemory.describe(owner).what.includes(`take ${mib} of 10 MiB`));
  const given = new AbortController();
  const broken = ["one", "two"].map((name) =>
    client.request({ ...read(name), signal: given.signal }, calling(name)).catch(({ kind }) => kind),
  );
  await inUse(6);
  for (const socket of sockets) end(socket, given);
  const kinds = await Promise.all(broken);
  expect(kinds[0]).toBeOneOf(["aborted", "broken-answer", "too-large"]);
  await inUse(0);
});

test("an answer that several use is dropped by the last of them", async () => {
  await using server = await startWeighty();
  const client = clientOf(server);
  const [one, two] = [calling("ada"), calling("ada")];
  const [first, second] = await Promise.all([client.request(read("600"), one), client.request(read("600"), two)]);
  expect(server.requests).toHaveLength(1);
  const next = client.request(read("601"), one);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(await isSettled(next)).toBe(false);
  second[Symbol.dispose]();
  await next;
});

test("an endpoint whose answer waits for memory is not silent: no other one is asked instead", async () => {
  await using first = await startWeighty();
  await using second = await startRawServer(replyData("second"));
  const cluster = clusterAt([first.url, second.url]);
  const client = new ProxmoxClient(cluster, { answerMemory: new AnswerMemory(1024 * kib), patienceMs: 60 });
  const held = await client.request(read("600"), calling("ada"));
  const waiting = client.request(read("601"), calling("ada"));
  await until(() => first.requests.length === 2);
  await Bun.sleep(200);
  expect(second.requests).toHaveLength(0);
  held[Symbol.dispose]();
  expect((await waiting).endpoint).toBe(first.url);
});

test("the download of an API schema takes memory, and gives it back", async () => {
  const [alpha] = createDemo({ authDelayMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("no demo");
  const answerMemory = new AnswerMemory(1024 * kib);
  const client = new ProxmoxClient(clusterAt(["https://demo:8006"]), {
    answerMemory,
    fetch: async (request) =>
      request.url.endsWith("/version") ? Response.json({ data: { version: "9.1" } }) : await alpha.fetch(request),
  });
  const library = new SchemaCache();
  const loading = library.schema(client);
  await until(() => !answerMemory.describe(owner).what.includes("take 0 of 1 MiB"));
  expect((await loading).schema).toBeDefined();
  await until(() => answerMemory.describe(owner).what.includes("take 0 of 1 MiB"));
});

test("what a compressed answer weighs is what it is decompressed", async () => {
  const packed = gzipSync(bodyOf(700));
  await using server = await startRawServer((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`);
    socket.write(packed);
  });
  const client = clientOf(server);
  await client.request(read("1"), calling("ada"));
  const late = await waitedFor((timeoutMs) => client.request({ ...read("2"), timeoutMs }, calling("ada")));
  expect(late.text).toContain(" for memory: ");
});

/** The time as a test says. */
class TestTime implements Timing {
  #ms = 0;
  readonly #runs = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#ms;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#ms + ms, run };
    this.#runs.add(entry);
    return () => void this.#runs.delete(entry);
  }

  pass(ms: number): void {
    this.#ms += ms;
    for (const entry of [...this.#runs]) {
      if (entry.at <= this.#ms && this.#runs.delete(entry)) entry.run();
    }
  }
}

test("one of several clusters leaves half of the memory to the others, the page of its schema included", async () => {
  await using hostile = await startWeighty();
  await using honest = await startWeighty();
  const answerMemory = new AnswerMemory(4096 * kib, new TestTime());
  const clientAt = (name: string, { url }: RawServer) =>
    new ProxmoxClient({ ...clusterAt([url]), name }, { answerMemory, memoryShare: 1 / 2 });
  const [evil, good] = [clientAt("evil", hostile), clientAt("good", honest)];
  // Of these halves of 800 KiB two fit into its share, and the oldest one that waits may exceed it.
  const page = evil.page({ path: "/half/1600", holds: () => true });
  await until(() => hostile.halves.length === 1);
  const halves = ["1601", "1602", "1603", "1604", "1605"].map((path) => {
    const caller = calling(path);
    return evil.request(read("half", path), caller).finally(() => caller.answers[Symbol.dispose]());
  });
  const evilOwner = { requester: "bob", cluster: "evil", clusterShare: 1 / 2 };
  const taken = () => Number(/cluster evil ([\d.]+) \(at most 2\)$/.exec(answerMemory.describe(evilOwner).what)?.[1]);
  await until(() => hostile.halves.length === 6 && taken() > 2.3);
  expect(await isSettled(Promise.race([page, ...halves]))).toBe(false);
  const honestRead = await good.request(read("900"), calling("bob"));
  expect(String(honestRead.data)).toHaveLength(bodyOf(900).length - 11);
  expect(taken()).toBeLessThan(3.2);
  for (const { finish } of hostile.halves) finish();
  (await page)[Symbol.dispose]();
  await Promise.all(halves);
});

test("an answer that is silent for 5 s is ended once another one waits for its memory, the one that may exceed it too", async () => {
  await using server = await startWeighty();
  const time = new TestTime();
  const answerMemory = new AnswerMemory(1024 * kib, time);
  const client = new ProxmoxClient(clusterAt([server.url], { mode: "off" }, 60_000), { answerMemory });
  const silent = ["900", "901", "902"].map((path, index) =>
    client.request(read("half", path), calling(`silent${index}`)).catch((error: unknown) => error),
  );
  // Each has sent its half: the third one exceeds the limit with it.
  await until(() => answerMemory.describe(owner).what.includes("take 1.4 of 1 MiB"));
  time.pass(4_999);
  const waiting = client.request(read("700"), calling("bob"));
  expect(await isSettled(Promise.race([waiting, ...silent]))).toBe(false);
  time.pass(1);
  expect(String((await waiting).data)).toHaveLength(bodyOf(700).length - 11);
  for (const error of await Promise.all(silent)) {
    expect(error).toMatchObject({ kind: "busy", sent: "answered" });
    expect(String(error)).toMatch(
      /^GET \/half\/90\d on prod: its answer was ended after 5 s of silence, because others waited for its memory\nThe endpoint began to answer/,
    );
  }
});

test("a silent answer that is in nobody's way is not ended", async () => {
  await using server = await startWeighty();
  const time = new TestTime();
  const answerMemory = new AnswerMemory(1024 * kib, time);
  const client = new ProxmoxClient(clusterAt([server.url], { mode: "off" }, 60_000), { answerMemory });
  const silent = client.request(read("half", "600"), calling("ada"));
  await until(() => server.halves.length === 1 && answerMemory.describe(owner).what.includes("take 0.3"));
  time.pass(60_000);
  // What leaves it no room are its own caller's other answers.
  const bob = calling("bob");
  await client.request(read("700"), bob);
  const late = client.request(read("350"), bob);
  expect(await isSettled(late)).toBe(false);
  expect(await isSettled(silent)).toBe(false);
  bob.answers[Symbol.dispose]();
  await late;
  server.halves[0]?.finish();
  await silent;
});

function weigh(...parts: readonly Uint8Array[]): number {
  const weight = new AnswerWeight();
  const sum = parts.reduce((before, part) => before + weight.add(part), 0);
  expect(weight.total).toBe(sum);
  return sum;
}

/** What a list and an object weigh, and a key that is not known yet. */
const [container, otherKey] = [170, 690];

test("each kind of value adds what it takes to the weight of its text, and only in JSON", () => {
  const listOf = (value: unknown) => JSON.stringify({ data: Array.from({ length: 100 }, () => value) });
  const over = (text: string) => weigh(Buffer.from(text)) - 4 * text.length - otherKey - 2 * container - 99 * 14;
  expect(over(listOf({}))).toBe(100 * container);
  expect(over(listOf([]))).toBe(100 * container);
  // The last text is not counted: no other one follows it.
  expect(over(listOf("a:b,{"))).toBe(99 * 110);
  expect(over(listOf(1.5))).toBe(0);
  expect(weigh(Buffer.from(` ${listOf({})}`))).toBe(4 * (listOf({}).length + 1));
});

test("a key that is repeated weighs no more than its text, and one that differs much more", () => {
  const rows = (key: (index: number) => string) =>
    JSON.stringify({ data: Array.from({ length: 10_000 }, (_, index) => ({ [key(index)]: index })) });
  const over = (text: string) => weigh(Buffer.from(text)) - 4 * text.length - 10_002 * container - 9_999 * 14;
  expect(over(rows(() => "vmid"))).toBe(2 * otherKey);
  expect(over(rows((index) => `key${index}`))).toBe(10_001 * otherKey);
  const object = JSON.stringify({ data: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n])) });
  expect(weigh(Buffer.from(object))).toBe(4 * object.length + 2 * container + 9_999 * 14 + 10_001 * otherKey);
});

test("what is written within texts counts for nothing, wherever an answer is cut into parts", () => {
  const bytes = Buffer.from(JSON.stringify({ "a{": ['"{[\\', '["{\\', ["\\\\"], "{"], 'b"': 1, "a{ ": { "a{": 2 } }));
  const once = 4 * bytes.length + 4 * container + 5 * 14 + 4 * 110 + 3 * otherKey;
  for (let cut = 1; cut <= bytes.length; cut++) {
    expect(weigh(bytes.subarray(0, cut), bytes.subarray(cut))).toBe(once);
  }
});
