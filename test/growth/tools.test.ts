import { describe, expect, test } from "bun:test";
import { tools } from "../../src/tools/catalog/index.ts";
import { cheapestMs, growthOf, hostileTexts } from "../support/growth.ts";
import { RecordedAnswers } from "../support/recorded-answers.ts";
import { placesOf } from "../support/tool-arguments.ts";
import { type InProcess, toolsInProcess } from "../support/tools.ts";

// What a call costs grows no faster than what it is given, and than what Proxmox answers: one call must never block the
// event loop for all others. Both are generated, from the tools' schemas and from what the simulator answers.

/** The most that ten times as much may cost. */
const factor = 12;

describe("every argument of every tool", () => {
  const { call } = toolsInProcess();
  const places = tools.flatMap((tool) =>
    placesOf(tool).map((place) => ({ name: `${tool.name} ${place.at}`, tool, place })),
  );

  test.each(places)("$name", async ({ tool, place: { schema, put } }) => {
    const values: readonly (readonly [string, (size: number) => unknown])[] = [
      ...hostileTexts,
      ["a list", (size) => "a".repeat(size / 2).split("")],
      ...(schema.type === "object" ? objects : []),
    ];
    const baseMs = await cheapestMs(() => call(tool.name, put("x")));
    for (const [name, make] of values) {
      const growth = await growthOf(
        (size) => put(make(size)),
        (args) => call(tool.name, args),
        { factor, baseMs },
      );
      expect({ name, isLinear: growth <= factor }).toEqual({ name, isLinear: true });
    }
  });
});

/** Objects of which one part is long. */
const objects: readonly (readonly [string, (size: number) => unknown])[] = [
  // Below the limit, so that it is sent: what is longer costs nothing.
  ...hostileTexts.map(([name, make]) => [`a value of ${name}`, (size: number) => ({ x: make(size / 2) })] as const),
  ...hostileTexts.map(([name, make]) => [`a name of ${name}`, (size: number) => ({ [make(size)]: "x" })] as const),
  ["many names", (size) => Object.fromEntries(Array.from({ length: size / 20 }, (_, at) => [`x${at}`, "x"]))],
  ["many values", (size) => ({ x: Array.from({ length: size / 110 }, () => "x".repeat(50)) })],
  ["nested objects", (size) => JSON.parse(`${'{"x":'.repeat(size / 200)}1${"}".repeat(size / 200)}`)],
];

/** Calls that read all that the tools read, and how the cluster's policy is. */
const reads: readonly (readonly [tool: string, args: Record<string, unknown>, access: "guarded" | "full"])[] = [
  ["list_clusters", {}, "guarded"],
  ["list_nodes", { cluster: "alpha" }, "guarded"],
  ["get_cluster_resources", { cluster: "alpha", search: "1 -tag:x name:*", sort: "name" }, "guarded"],
  ["cluster_health", { cluster: "alpha" }, "guarded"],
  ["list_tasks", { cluster: "alpha" }, "guarded"],
  ["list_tasks", { cluster: "alpha", since: "7d" }, "guarded"],
  ["list_tasks", { guest: "win2022" }, "guarded"],
  ["guest_power", { guest: "win2022", action: "stop" }, "full"],
  ["proxmox_api_call", { cluster: "alpha", path: "/guests/web-01/config" }, "guarded"],
  ["proxmox_api_read", { requests: [{ cluster: "alpha", path: "/nodes/pve1/qemu" }], fields: "name,tags" }, "guarded"],
];

/** Calls that need consent, so that a plan describes their targets. */
const plans: readonly (readonly [request: string, data: Record<string, unknown>])[] = [
  ["DELETE /nodes/pve1/qemu/104", { purge: 1 }],
  ["PUT /nodes/pve1/qemu/100/config", { delete: ["scsi0"], net0: "virtio,bridge=vmbr0" }],
  ["PUT /nodes/pve1/lxc/201/config", { delete: ["mp0"] }],
  ["DELETE /nodes/pve1/storage/vmdata/content/vmdata:100/vm-100-disk-0.qcow2", {}],
  ["PUT /access/acl", { path: "/vms", users: "audit@pve", roles: "PVEVMAdmin" }],
  ["DELETE /access/groups/auditors", {}],
  ["DELETE /access/users/audit@pve/token/tok", {}],
  ["PUT /pools/dev", { vms: "103", delete: 1 }],
  ["DELETE /storage/backups", {}],
  ["DELETE /cluster/backup/backup-nightly", {}],
  ["DELETE /nodes/pve1/network/vmbr0", {}],
  ["POST /nodes/pve2/status", { command: "reboot" }],
];

describe("every value that Proxmox answers", () => {
  test.each(reads)("to %s %j", async (tool, args, access) => {
    await expectLinearAnswers(tool, args, access);
  });

  test.each(plans)("to a plan of %s", async (request, data) => {
    const [method, path] = request.split(" ");
    await expectLinearAnswers("proxmox_api_call", { cluster: "alpha", method, path, data }, "guarded");
  });
});

/** Texts for answers: those for words and names cost no more than others there. */
const answered = hostileTexts.filter(([name]) => !["words", "sentences", "dots", "stars", "quotes"].includes(name));

/** So many of them are tried in each value, other ones in the next: all of them in all values would take minutes. */
const textsOfEach = 2;

/** Holds that for each value of each answer that a call gets. */
async function expectLinearAnswers(
  tool: string,
  args: Record<string, unknown>,
  access: "guarded" | "full",
): Promise<void> {
  const recorded = new RecordedAnswers();
  const { call } = toolsInProcess({ around: recorded.around, policy: { access } });
  await call(tool, args);
  const { fields } = recorded;
  expect(fields.length).toBeGreaterThan(2);
  const replay = async () => {
    recorded.replay();
    await call(tool, args);
  };
  const baseMs = await cheapestMs(replay);
  for (const [index, field] of fields.entries()) {
    for (const turn of Array.from({ length: textsOfEach }, (_, at) => index + at * 4)) {
      const [name, make] = answered[turn % answered.length] ?? ["", String];
      const run = async (text: string) => {
        recorded.replay(field, text);
        await call(tool, args);
      };
      const growth = await growthOf(make, run, { small: 20_000, factor, baseMs });
      expect({ field, name, isLinear: growth <= factor }).toEqual({ field, name, isLinear: true });
    }
  }
}

describe("every failure that Proxmox answers", () => {
  test.each(hostileTexts)("with %s", async (_, make) => {
    const failing = (body: (text: string) => Response) => {
      let text = "";
      const around = async (request: Request, send: (request: Request) => Promise<Response>) =>
        request.url.includes("/api2/json/version") ? await send(request) : body(text);
      const { call } = toolsInProcess({ around });
      return { call, say: (said: string) => (text = said) } satisfies Pick<InProcess, "call"> & { say: unknown };
    };
    const bodies: readonly ((text: string) => Response)[] = [
      (message) => Response.json({ message, data: null }, { status: 500 }),
      (message) => Response.json({ message, data: null, errors: { a: message, [message]: "b" } }, { status: 400 }),
      (text) =>
        new Response(`<html><title${text}>${text}</title>`, { status: 502, headers: { "content-type": "text/html" } }),
    ];
    for (const body of bodies) {
      const { call, say } = failing(body);
      const args = { cluster: "alpha", path: "/nodes/pve1/qemu" };
      say("x");
      const baseMs = await cheapestMs(() => call("proxmox_api_call", args));
      const run = async (text: string) => {
        say(text);
        await call("proxmox_api_call", args);
      };
      expect(await growthOf(make, run, { factor, baseMs })).toBeLessThanOrEqual(factor);
    }
  });
});
