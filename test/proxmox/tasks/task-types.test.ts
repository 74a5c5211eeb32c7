import { describe, expect, test } from "bun:test";
import type { Method } from "../../../src/proxmox/message.ts";
import type { Params } from "../../../src/proxmox/params.ts";
import { parsePath } from "../../../src/proxmox/path.ts";
import { setsValues, taskStartedBy } from "../../../src/proxmox/tasks/task-types.ts";
import { loadSources } from "../../apidoc/validate/schemas.ts";
import life from "../../recordings/alpha-life.json" with { type: "json" };

const changes = ["POST", "PUT", "DELETE"] as const;
/** Enough to fill every task's id. */
const params = { vmid: 100, filename: "x.iso" };

test("every task that was recorded is the one that its request is known to start", () => {
  const started = life.filter(({ request, response }) => request.method !== "GET" && /UPID:/.test(dataOf(response)));
  expect(started.length).toBeGreaterThan(14);
  for (const { request, response } of started) {
    const [, node = "", , , , type = "", id = ""] = dataOf(response).split(":");
    const of = { ...(request.query as object), ...(request.form as object) };
    const task = taskStartedBy({ method: request.method as Method, path: parsePath(request.path), params: of });
    expect(task).toMatchObject({ node, types: expect.arrayContaining([type]), ids: expect.arrayContaining([id]) });
  }
});

describe.each((await loadSources()).map((source) => [source.name, source] as const))("%s", (_, { schema }) => {
  const endpoints = schema.templates.flatMap((path) =>
    changes.flatMap((method) => {
      const endpoint = schema.endpoint(method, path);
      return endpoint === undefined ? [] : [{ method, path: parsePath(path.replace(/[{}]/g, "")), endpoint }];
    }),
  );

  test("what is known to start a task gives a text, as every UPID is, and has the parameters that its id is made of", () => {
    const starting = endpoints.filter(({ method, path }) => taskStartedBy({ method, path, params }) !== undefined);
    expect(starting.length).toBeGreaterThan(20);
    for (const { endpoint } of starting) {
      expect([endpoint.template, endpoint.returns?.type ?? "string"]).toEqual([endpoint.template, "string"]);
    }
  });

  test("what sets values can be read again, and starts no task", () => {
    const setting = endpoints.filter((request) => setsValues(request));
    expect(setting.length).toBeGreaterThan(1);
    for (const { endpoint, method, path } of setting) {
      expect(schema.endpoint("GET", endpoint.template)).toBeDefined();
      expect(taskStartedBy({ method, path, params })).toBeUndefined();
    }
  });
});

test("a parameter that changes what is done, and that no task shows, leaves open whose a task is", () => {
  const hiddenOf = (method: Method, path: string, more: Params = {}) =>
    taskStartedBy({ method, path: parsePath(path), params: more })?.hidden;
  expect(hiddenOf("POST", "/nodes/pve1/qemu/100/status/stop", { timeout: 30, skiplock: true })).toEqual([]);
  expect(hiddenOf("POST", "/nodes/pve1/qemu/100/status/shutdown", { forceStop: true })).toEqual(["forceStop"]);
  expect(hiddenOf("POST", "/nodes/pve1/stopall", { vms: "100" })).toEqual(["vms"]);
  expect(hiddenOf("POST", "/nodes/pve1/qemu/100/snapshot/a/rollback", { start: true })).toEqual(["start"]);
  expect(hiddenOf("POST", "/nodes/pve1/qemu/100/clone", { newid: 200, name: "x", full: true })).toEqual([]);
});

test("a backup's task is named after the one guest of the list that the node has, a volume's removal after its guest", () => {
  const idsOf = (method: Method, path: string, more: Params = {}) =>
    taskStartedBy({ method, path: parsePath(path), params: more })?.ids;
  expect(idsOf("POST", "/nodes/pve1/vzdump", { vmid: "101,204" })).toEqual(["", "101", "204"]);
  const content = "/nodes/pve1/storage/backups/content";
  const archive = "backups:backup/vzdump-lxc-171-2026_11_27-19_52_21.tar.zst";
  expect(idsOf("DELETE", `${content}/${archive}`)).toEqual(["backups", "171@backups"]);
  expect(idsOf("DELETE", `${content}/backups:iso/a.iso`)).toEqual(["backups"]);
  expect(taskStartedBy({ method: "POST", path: parsePath("/nodes/a/qemu/1/status/suspend") })?.types).toEqual([
    "qmpause",
  ]);
  const toDisk = { method: "POST", path: parsePath("/nodes/a/qemu/1/status/suspend"), params: { todisk: 1 } } as const;
  expect(taskStartedBy(toDisk)?.types).toEqual(["qmsuspend"]);
});

test("a request that does not say what its task works on is looked for nowhere", () => {
  const create = { method: "POST", path: parsePath("/nodes/pve1/qemu") } as const;
  expect(taskStartedBy(create)).toBeUndefined();
  expect(taskStartedBy({ ...create, params: { vmid: 100 } })?.ids).toEqual(["100"]);
});

function dataOf({ body }: { body?: unknown }): string {
  return JSON.stringify((body as { data?: unknown } | undefined)?.data ?? null).replaceAll('"', "");
}
