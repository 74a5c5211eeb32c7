import { describe, expect, test } from "bun:test";
import type { Access } from "../../src/config/types.ts";
import { cheapestMs, expectLinear } from "../support/growth.ts";
import { toolsInProcess } from "../support/tools.ts";

// What a call costs grows no faster than the rows that Proxmox answers, also where two lists grow together and nothing of
// one is found in the other: a search of one list for each row of the other would take hours of the event loop.

/** Lists of so many rows, by the path that answers with them. */
type Lists = Readonly<Record<string, (rows: number) => unknown>>;

interface Call {
  readonly tool: string;
  readonly args?: (rows: number) => Record<string, unknown>;
  readonly lists: Lists;
  readonly policy?: { readonly access?: Access; readonly protect?: readonly string[] };
  /** What it answers to a few rows, so that it does look at them. */
  readonly says: RegExp;
}

function seq<T>(rows: number, make: (at: number) => T): T[] {
  return Array.from({ length: rows }, (_, at) => make(at));
}

function guest(at: number) {
  return { type: "qemu", id: `qemu/${at}`, vmid: at + 100, node: "pve1", status: "running", name: `g${at}`, uptime: 1 };
}

function host(at: number, status = "online") {
  return { type: "node", id: `node/n${at}`, node: `n${at}`, status };
}

const pve1 = { type: "node", id: "node/pve1", node: "pve1", status: "online" };

const onAlpha = () => ({ cluster: "alpha" });

/** As many keys as a table may have columns, in a list of 10,000. */
function wideAndTall(rows: number) {
  return [Object.fromEntries(seq(Math.ceil(rows / 100), (at) => [`a${at}`, 1])), ...seq(rows, () => ({}))];
}

const calls: Readonly<Record<string, Call>> = {
  "guests of unknown status x nodes": {
    tool: "get_cluster_resources",
    lists: {
      "/cluster/resources": (rows) =>
        seq(rows, (at) => [
          { type: "qemu", id: `qemu/${at}`, vmid: at + 100, node: `m${at}`, status: "unknown" },
          host(at, "offline"),
        ]).flat(),
    },
    says: /3 unknown \(node m0 does not report/,
  },
  "guests that are sorted": {
    tool: "get_cluster_resources",
    args: () => ({ cluster: "alpha", sort: "name", limit: 1000 }),
    lists: { "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)] },
    says: /3 guests on alpha: 3 running/,
  },
  "one row of many keys, and rows without any": {
    tool: "proxmox_api_call",
    args: () => ({ cluster: "alpha", path: "/nodes/pve1/qemu" }),
    lists: { "/nodes/pve1/qemu": wideAndTall },
    says: /^4 rows on alpha\n/,
  },
  "one row of many keys, and rows without any, among several reads": {
    tool: "proxmox_api_read",
    args: () => ({ requests: [{ cluster: "alpha", path: "/nodes/pve1/qemu" }] }),
    lists: { "/nodes/pve1/qemu": wideAndTall },
    says: /: 4 rows\n/,
  },
};

/** How many rows the smaller answer has; the larger has ten times as many. */
const small = 1_000;

/** The most that ten times as many rows may cost: some of it is sorting. What searches a list for each row costs 80 and more. */
const factor = 20;

describe("the rows of an answer", () => {
  test.each(Object.entries(calls))("%s", async (_, { tool, args = onAlpha, lists, policy = {}, says }) => {
    let bodies = new Map<string, string>();
    const read = new Set<string>();
    const { call } = toolsInProcess({
      policy,
      around: async (request, send) => {
        const path = new URL(request.url).pathname.replace("/api2/json", "");
        const body = bodies.get(path);
        if (body === undefined) return await send(request);
        read.add(path);
        return new Response(body, { headers: { "content-type": "application/json;charset=UTF-8" } });
      },
    });
    const make = (rows: number) => ({
      answers: new Map(Object.entries(lists).map(([path, list]) => [path, JSON.stringify({ data: list(rows) })])),
      given: args(rows),
    });
    const run = async ({ answers, given }: ReturnType<typeof make>) => {
      bodies = answers;
      return await call(tool, given);
    };
    const few = make(3);
    expect((await run(few)).text).toMatch(says);
    const baseMs = await cheapestMs(() => run(few));
    expect([...read].sort()).toEqual(Object.keys(lists).sort());
    await expectLinear(make, run, { small, factor, baseMs });
  });
});
