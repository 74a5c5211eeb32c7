import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { type Fleet, startFleet } from "../support/fleet.ts";
import { anonymousMiB } from "../support/process-memory.ts";
import { callOf, type RawAnswer, type RawMcp, rawTransports } from "../support/raw-mcp.ts";
import { argumentPlaces } from "./arguments.ts";
import { type HostileValue, hostileValues } from "./hostile-values.ts";

/** `all`: every value in every place over every transport; otherwise each pair goes over one of them. */
const isWhole = process.env["FUZZ"] === "all";

/** Messages and requests that are made at random. */
const runs = isWhole ? 5_000 : 300;

/** No answer is longer, in characters: what tools give, the envelope, and what JSON doubles. */
const maxAnswerLength = 90_000;

type Transport = keyof typeof rawTransports;
const transports = Object.keys(rawTransports) as Transport[];

/**
 * What may be left of memory, in MiB: code that ran for the first time, the API schemas of both clusters, and garbage
 * that the runtime keeps while it needs no memory. A twentieth of what was sent would exceed it.
 */
const maxLeftMiB = 96;

let fleet: Fleet;
let memoryAtStart: number;
const connections = new Map<Transport, RawMcp>();
let lastId = 0;

beforeAll(async () => {
  fleet = await startFleet();
  memoryAtStart = await anonymousMiB(fleet.product.pid);
  for (const name of transports) {
    connections.set(name, await rawTransports[name](fleet.product.url, ["--config", fleet.config.path]));
  }
}, 60_000);

afterAll(async () => {
  for (const connection of connections.values()) await connection[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

async function ask(transport: Transport, members: string): Promise<RawAnswer> {
  lastId += 1;
  const connection = connections.get(transport);
  if (connection === undefined) throw new Error(transport);
  return await connection.request(lastId, members);
}

/** What is wrong with an answer; `undefined` for one that a client can use. */
function fault({ status, text }: RawAnswer): string | undefined {
  const answer = text.slice(0, 500);
  if (status >= 500) return `${status}: ${answer}`;
  if (text.length > maxAnswerLength) return `${text.length} characters: ${answer}`;
  if (text.includes("by a fault of this server") || text.includes('"code":-32603')) return answer;
  const { result, error } = JSON.parse(text) as { result?: object; error?: { message: string } };
  if (result === undefined && error === undefined) return `no answer: ${answer}`;
  return undefined;
}

async function isAlive(): Promise<void> {
  const response = await fetch(new URL("/healthz", fleet.product.url));
  expect(response.status).toBe(200);
}

/** The transports that a value goes over in a place. */
function transportsFor(row: number, column: number): readonly Transport[] {
  return isWhole ? transports : transports.slice((row + column) % transports.length).slice(0, 1);
}

async function tryAll(values: readonly HostileValue[]): Promise<string[]> {
  const faults: string[] = [];
  for (const value of values) {
    const row = hostileValues.indexOf(value);
    for (const [column, place] of argumentPlaces.entries()) {
      for (const transport of transportsFor(row, column)) {
        const found = fault(await ask(transport, callOf(place.tool, place.with(value.json), transport)));
        if (found !== undefined) faults.push(`${place.tool} ${place.name}, ${value.name}, ${transport}: ${found}`);
      }
    }
  }
  return faults;
}

describe("tools", () => {
  test.each(hostileValues.map((value) => [value.name, value] as const))(
    "answer %s in any place of their arguments",
    async (_, value) => {
      expect(await tryAll([value])).toEqual([]);
      await isAlive();
    },
    600_000,
  );

  test("answer arguments at random", async () => {
    const place = fc.constantFrom(...argumentPlaces);
    const transport = fc.constantFrom(...transports);
    const value = fc.oneof(
      fc.json({ maxDepth: 6 }),
      fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
    );
    await fc.assert(
      fc.asyncProperty(place, value, transport, async (at, json, over) => {
        expect(fault(await ask(over, callOf(at.tool, at.with(json), over)))).toBeUndefined();
      }),
      { numRuns: runs, interruptAfterTimeLimit: 300_000 },
    );
  }, 600_000);
});

/** Paths of the server, and paths that are none. */
const routes = [
  "/",
  "/mcp",
  "/mcp/",
  "/mcp?sessionId=x",
  "/sse",
  "/messages",
  "/messages?sessionId=x",
  "/messages?sessionId=%00",
  "/healthz",
  "/readyz",
  "/%2e%2e/etc/passwd",
  "//mcp",
  `/${"a".repeat(8000)}`,
  `/?${"a=b&".repeat(2000)}`,
];
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"];

/** Bodies, and how their length is said. */
const bodies: Readonly<Record<string, readonly [head: string, body: string]>> = {
  "no body": ["", ""],
  "an empty body": ["content-length: 0\r\n", ""],
  "no JSON": ["content-length: 4\r\n", "{{{{"],
  "half of JSON": ["content-length: 9\r\n", '{"jsonrpc'],
  "an empty batch": ["content-length: 2\r\n", "[]"],
  "a batch of nothing": ["content-length: 11\r\n", "[null,1,{}]"],
  "JSON 100,000 deep": ["content-length: 200000\r\n", "[".repeat(100_000) + "]".repeat(100_000)],
  "an invalid length": ["content-length: -5\r\n", "{}"],
  "two lengths": ["content-length: 2\r\ncontent-length: 20\r\n", "{}"],
  "a length beyond all": ["content-length: 99999999999999999999\r\n", "{}"],
  "a length beyond the limit": ["content-length: 1048577\r\n", "{}"],
  "a chunk that is none": ["transfer-encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"],
  "both lengths": ["transfer-encoding: chunked\r\ncontent-length: 2\r\n", "2\r\n{}\r\n0\r\n\r\n"],
  "invalid UTF-8": ["content-length: 3\r\n", "\u00ff\u00fe\u00c0"],
};

/** Headers beside the length. */
const headers: Readonly<Record<string, string>> = {
  "as a client sends": "content-type: application/json\r\naccept: application/json, text/event-stream\r\n",
  none: "",
  "a session that is none": `content-type: application/json\r\nmcp-session-id: ${"x".repeat(4000)}\r\n`,
  "a revision that is none": "content-type: application/json\r\nmcp-protocol-version: 9999-99-99\r\n",
  "a stream's position that is none": `accept: text/event-stream\r\nlast-event-id: ${"9".repeat(4000)}\r\n`,
  "a header of 12 kB": `x-long: ${"a".repeat(12_000)}\r\n`,
  "hostile names": "authorization: Bearer \u0001\r\norigin: http://[::1\r\n",
};

/** Sends bytes and gives the status of the response; `closed` where the server ended the connection without one. */
function statusOf(bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(fleet.product.url);
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(Number(port), hostname, () => socket.write(bytes));
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
    if (status === undefined) return;
    resolve(status);
    socket.destroy();
  });
  socket.on("error", () => resolve("closed"));
  socket.on("close", () => resolve("closed"));
  return promise;
}

/** Whether the server waits for more of a body than was sent: it answers once the connection ends, or never. */
function waitsForMore(name: string): boolean {
  return name === "a length beyond all";
}

describe("routes", () => {
  test.each(routes.map((route) => [route.slice(0, 40), route] as const))(
    "%s answers whatever is sent",
    async (_, route) => {
      const faults: string[] = [];
      for (const method of methods) {
        for (const [given, head] of Object.entries(headers)) {
          const cases = Object.entries(bodies).map(async ([name, [length, body]]) => {
            const text = `${method} ${route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${head}${length}\r\n${body}`;
            const status = await statusOf(Buffer.from(text, "latin1"));
            if (/^5/.test(status) && !waitsForMore(name)) faults.push(`${method}, ${given}, ${name}: ${status}`);
          });
          await Promise.all(cases);
        }
      }
      expect(faults).toEqual([]);
      await isAlive();
    },
    120_000,
  );

  test("requests at random get an answer", async () => {
    const method = fc.oneof(
      fc.constantFrom("initialize", "ping", "tools/list", "tools/call", "logging/setLevel"),
      fc.string(),
    );
    const params = fc.dictionary(fc.string(), fc.jsonValue());
    const request = fc.record({ method, params }, { requiredKeys: ["method"] });
    await fc.assert(
      fc.asyncProperty(request, fc.constantFrom(...transports), async (given, over) => {
        expect((await ask(over, JSON.stringify(given).slice(1, -1))).status).toBeLessThan(500);
      }),
      { numRuns: runs, interruptAfterTimeLimit: 300_000 },
    );
  }, 600_000);
});

describe("afterwards", () => {
  test("the process is alive, logged no fault, and gave its memory back", async () => {
    await isAlive();
    expect(fleet.product.stderr()).not.toMatch(/error|fault|unexpected/i);
    const isBack = async () => (await anonymousMiB(fleet.product.pid)) < memoryAtStart + maxLeftMiB;
    // The runtime gives pages back some seconds after the last work.
    for (let look = 0; look < 120 && !(await isBack()); look++) await Bun.sleep(500);
    expect(await anonymousMiB(fleet.product.pid)).toBeLessThan(memoryAtStart + maxLeftMiB);
  }, 600_000);
});
