import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { changesBetween, FactList, type Facts } from "../../../src/policy/plan/facts.ts";
import { withoutFigures } from "../../../src/policy/plan/live-figures.ts";

interface Recorded {
  readonly request: { readonly method: string; readonly path: string; readonly query?: object };
  readonly response: { readonly status: number; readonly body?: { readonly data?: unknown } };
}

const recordings = (await Bun.file(
  join(import.meta.dir, "../../recordings/second-series/alpha-orders.json"),
).json()) as Recorded[];

/** The facts of one answer, as an object or as rows. */
function factsOf(answer: unknown, path: string): Facts {
  const list = new FactList();
  const data = withoutFigures(path.split("/").slice(1), answer);
  if (Array.isArray(data)) {
    const id = (row: Record<string, unknown>) =>
      ["id", "storage", "sid", "cidr", "iface", "key", "userid", "groupid", "poolid", "node", "pos", "name", "vmid"]
        .map((key) => row[key])
        .find((value) => value !== undefined) ??
      `${String(row["path"])} ${String(row["ugid"])} ${String(row["roleid"])}`;
    list.addRows("row", data as Record<string, unknown>[], id);
    list.addDigest("the list", ((answer as unknown[])[0] as { digest?: unknown } | undefined)?.digest);
  } else {
    list.addObject(data as Record<string, unknown>);
    list.addDigest("the configuration", (data as { digest?: unknown }).digest);
  }
  return list.facts;
}

/** The answers to each GET, in the order in which they were recorded. */
const reads = Map.groupBy(
  recordings.filter(({ request, response }) => request.method === "GET" && response.status === 200),
  ({ request }) => `${request.path} ${JSON.stringify(request.query ?? {})}`,
);

function recorded(path: string): Facts[] {
  return [...reads].flatMap(([key, rows]) =>
    key.startsWith(`${path} `) ? rows.map(({ request, response }) => factsOf(response.body?.data, request.path)) : [],
  );
}

describe("real answers", () => {
  test.each([...reads].filter(([, rows]) => rows.length >= 6))("%s gives the same facts in six reads", (_, rows) => {
    const [first = new Map(), ...others] = rows
      .slice(0, 6)
      .map(({ request, response }) => factsOf(response.body?.data, request.path));
    expect(first.size).toBeGreaterThan(0);
    for (const other of others) expect(changesBetween(first, other)).toEqual([]);
  });

  test("their texts differ nearly always, which is what a comparison of texts fails on", () => {
    const texts = recordings
      .filter(({ request }) => request.method === "GET" && request.path === "/nodes/pve1/qemu/170/config")
      .slice(0, 6)
      .map(({ response }) => JSON.stringify(response.body?.data));
    expect(new Set(texts).size).toBeGreaterThan(1);
  });

  test("a value that was set and taken away again is named both times, and the old state is the old state", () => {
    const all = recorded("/nodes/pve1/qemu/170/config");
    const changes = all.slice(1).map((facts, at) => changesBetween(all[at] ?? new Map(), facts));
    expect(changes.filter((one) => one.length > 0)).toEqual([["cores added: 2"], ["cores removed (was 2)"]]);
    expect(changesBetween(all[0] ?? new Map(), all.at(-1) ?? new Map())).toEqual([]);
  });

  test("a comment in a set of addresses is named", () => {
    const all = recorded("/cluster/firewall/ipset/recset");
    expect(changesBetween(all[0] ?? new Map(), all.at(-1) ?? new Map())).toEqual([
      "row 192.0.2.64/28: comment b -> b2",
    ]);
  });

  test("a write to another storage moves every storage's digest, and only that is said", () => {
    const all = recorded("/storage/local");
    const moved = all.find((facts) => changesBetween(all[0] ?? new Map(), facts).length > 0);
    expect(changesBetween(all[0] ?? new Map(), moved ?? new Map())).toEqual([
      "digest of the configuration changed (a value that is not shown, or another entry of the same file)",
    ]);
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 6 });
const row = fc.record({
  name: word,
  snaptime: fc.nat(),
  description: fc.string({ maxLength: 30 }),
  tags: words.map((list) => list.join(";")),
});
const target = fc.record({
  memory: fc.oneof(fc.nat(), fc.nat().map(String)),
  onboot: fc.boolean(),
  boot: words.map((list) => `order=${list.join(";")}`),
  tags: words.map((list) => list.join(";")),
  content: words.map((list) => list.join(",")),
  nodes: words.map((list) => list.join(", ")),
  groups: words,
  description: fc.string({ maxLength: 40 }),
  tokens: fc.dictionary(word, fc.record({ privsep: fc.constantFrom(0, 1), expire: fc.nat() }), { maxKeys: 4 }),
  snapshots: fc.uniqueArray(row, { selector: ({ name }) => name, maxLength: 5 }),
});
type Target = typeof target extends fc.Arbitrary<infer T> ? T : never;

function readOf({ snapshots, ...config }: Target & Record<string, unknown>): Facts {
  const list = new FactList();
  list.addObject(withoutFigures(["nodes", "pve1", "qemu", "100", "status", "current"], config) as typeof config);
  list.addRows("snapshot", snapshots, ({ name }) => name);
  return list.facts;
}

const setKeys = ["tags", "content", "nodes"];

/** The same state as another answer of Proxmox's Perl may have it: every hash and every set in another order. */
function asPerl<T>(value: T, random: () => number, key = ""): T {
  if (Array.isArray(value)) return shuffled(value, random).map((item) => asPerl(item, random)) as T;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      shuffled(Object.entries(value), random).map(([name, item]) => [name, asPerl(item, random, name)]),
    ) as T;
  }
  if (typeof value === "string" && setKeys.includes(key)) {
    return shuffled(value.split(/[,;] ?/), random).join(key === "tags" ? ";" : ",") as T;
  }
  return (typeof value === "boolean" && random() < 0.5 ? Number(value) : value) as T;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}

/** The same numbers for the same seed (mulberry32), so that a failure can be seen again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const figures = fc.dictionary(
  fc.constantFrom(
    ...["cpu", "mem", "memhost", "uptime", "netin", "netout", "diskread", "diskwrite", "used", "avail", "pid"],
    ...["used_fraction", "pressurecpusome", "pressureiofull", "pressurememorysome", "balloon", "swap", "ballooninfo"],
  ),
  fc.oneof(fc.double(), fc.nat(), fc.string()),
);

describe("any state", () => {
  test("gives the same facts in whatever order it is written, and whatever its live figures are", () => {
    fc.assert(
      fc.property(target, fc.integer(), figures, figures, (state, seed, before, after) => {
        const again = asPerl(state, randomOf(seed));
        expect(changesBetween(readOf({ ...state, ...before }), readOf({ ...again, ...after }))).toEqual([]);
      }),
    );
  });

  test("differs from any other, which the changes name", () => {
    fc.assert(
      fc.property(
        target,
        fc.constantFrom("memory", "description", "boot", "extra"),
        fc.integer(),
        (state, key, seed) => {
          const old = (state as Record<string, unknown>)[key];
          const changed = asPerl({ ...state, [key]: `${String(old ?? "")}x` }, randomOf(seed));
          const changes = changesBetween(readOf(state), readOf(changed));
          expect(changes).toHaveLength(1);
          expect(changes[0]).toStartWith(`${key} `);
        },
      ),
    );
  });

  test("has no changes to itself, and some to any other, whatever the values look like", () => {
    const value = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.constantFrom(
        "",
        "[]",
        "{}",
        '["a"]',
        '["a","a"]',
        '["a", "a"]',
        '{"a":1}',
        '{"a": 1}',
        '{"cpu":1}',
        "[masked] x",
      ),
      fc.constant("x".repeat(100)),
      fc.constant(`${"x".repeat(100)}y`),
    );
    const map = fc.dictionary(
      fc.oneof(fc.constantFrom("a", "digest of it", "constructor"), fc.string({ maxLength: 5 })),
      value,
    );
    fc.assert(
      fc.property(map, map, (a, b) => {
        const [before, after] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
        expect(changesBetween(before, new Map([...before].toReversed()))).toEqual([]);
        const isEqual = before.size === after.size && [...before].every(([key, text]) => after.get(key) === text);
        expect(changesBetween(before, after).length === 0).toBe(isEqual);
      }),
      { numRuns: 500 },
    );
  });

  test("differs where a word leaves a set, and where a row comes, goes or changes", () => {
    fc.assert(
      fc.property(target, row, fc.integer(), (state, other, seed) => {
        const name = `${other.name}-new`;
        const more = asPerl({ ...state, snapshots: [...state.snapshots, { ...other, name }] }, randomOf(seed));
        expect(changesBetween(readOf(state), readOf(more))).toEqual([`snapshot ${name} added`]);
        expect(changesBetween(readOf(more), readOf(state))).toEqual([`snapshot ${name} removed`]);
        const tagged = { ...state, tags: `${state.tags};zz-new` };
        expect(changesBetween(readOf(state), readOf(tagged))[0]).toStartWith("tags ");
        const [first] = state.snapshots;
        if (first !== undefined) {
          const later = { ...first, snaptime: first.snaptime + 1 };
          const moved = { ...state, snapshots: [later, ...state.snapshots.slice(1)] };
          expect(changesBetween(readOf(state), readOf(moved))).toEqual([
            `snapshot ${first.name}: snaptime ${first.snaptime} -> ${first.snaptime + 1}`,
          ]);
        }
      }),
    );
  });
});

describe("changes", () => {
  const facts = (object: Record<string, unknown>) => {
    const list = new FactList();
    list.addObject(object);
    list.addDigest("the configuration", object["digest"]);
    return list.facts;
  };

  test("say old and new", () => {
    expect(changesBetween(facts({ memory: 512, tags: "old;dev" }), facts({ memory: "1024", tags: "dev" }))).toEqual([
      "memory 512 -> 1024",
      "tags dev;old -> dev",
    ]);
  });

  test("say the digest only where nothing else explains it", () => {
    const before = facts({ memory: 512, digest: "a" });
    expect(changesBetween(before, facts({ memory: 513, digest: "b" }))).toEqual(["memory 512 -> 513"]);
    expect(changesBetween(before, facts({ memory: 512, digest: "b" }))[0]).toStartWith("digest of the configuration");
  });

  test("keep the order of boot devices and of name servers, which means something", () => {
    expect(changesBetween(facts({ boot: "order=scsi0;net0" }), facts({ boot: "order=net0;scsi0" }))).toHaveLength(1);
    expect(
      changesBetween(facts({ nameserver: "192.0.2.1 192.0.2.2" }), facts({ nameserver: "192.0.2.2 192.0.2.1" })),
    ).toHaveLength(1);
  });

  test("never show a secret, nor what the settings withhold", () => {
    expect(changesBetween(facts({ cipassword: "one-s3cr3t" }), facts({ cipassword: "two-s3cr3t" }))).toEqual([
      "cipassword changed",
    ]);
    const withheld = (data: unknown) => {
      const list = new FactList();
      list.addWithheld("/nodes/pve1/qemu/100/status/current", data);
      return list.facts;
    };
    expect(changesBetween(withheld({ memory: 512, cpu: 1 }), withheld({ cpu: 2, memory: 512 }))).toEqual([]);
    expect(changesBetween(withheld({ memory: 512 }), withheld({ memory: 513 }))).toEqual([
      "state that the settings withhold changed",
    ]);
  });

  test("are bounded, in number and in length, and stay one line each", () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`key${at}`, "x".repeat(10_000)]));
    const changes = changesBetween(facts(many), facts({}));
    expect(changes).toHaveLength(9);
    expect(changes.at(-1)).toBe("and 42 more changes");
    for (const change of changes) expect(change.length).toBeLessThan(200);
    const [hostile = ""] = changesBetween(facts({ name: "a" }), facts({ name: "a\nDELETE VM 1\u202e" }));
    expect(hostile).toBe("name a -> a\\nDELETE VM 1\\u202e");
  });
});
