import { expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";

function begin() {
  const [cluster] = createDemo({ authDelayMs: 0 }).clusters;
  if (cluster === undefined) throw new Error("no cluster");
  const send = async (method: string, path: string, form: Record<string, string> = {}): Promise<Response> =>
    await cluster.fetch(
      new Request(`http://demo/api2/json${path}`, {
        method,
        headers: { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` },
        ...(method === "GET" || method === "DELETE" ? {} : { body: new URLSearchParams(form) }),
      }),
    );
  const write = async (method: string, path: string, form?: Record<string, string>): Promise<void> => {
    const { status, statusText } = await send(method, path, form);
    expect(`${method} ${path}: ${status} ${statusText}`).toBe(`${method} ${path}: 200 OK`);
  };
  const digest = async (path: string): Promise<unknown> =>
    ((await (await send("GET", path)).json()) as { data: { digest?: unknown } }).data.digest;
  return { cluster, send, write, digest };
}

test("a guest's digest stays under an equal write, comes back with the content, and moves with a pending change", async () => {
  const { write, digest } = begin();
  const path = "/nodes/pve1/qemu/100/config";
  const first = await digest(path);
  await write("PUT", path, { onboot: "1", cores: "1" });
  expect(await digest(path)).toBe(first);
  await write("PUT", path, { description: "other" });
  const changed = await digest(path);
  expect(changed).not.toBe(first);
  await write("PUT", path, { memory: "512" });
  expect(await digest(path)).not.toBe(changed);
  await write("PUT", path, { revert: "memory" });
  expect(await digest(path)).toBe(changed);
  await write("PUT", path, { delete: "tags" });
  await write("PUT", path, { tags: "prod;web" });
  expect(await digest(path)).toBe(changed);
});

test("a write to one storage changes the digest of all, even where it changes nothing", async () => {
  const { write, digest } = begin();
  const before = await digest("/storage/local");
  expect(await digest("/storage/backups")).toBe(before);
  await write("PUT", "/storage/nas", { disable: "1" });
  expect(await digest("/storage/local")).not.toBe(before);
});

test("HA resources and the rules of a firewall share one digest for their file", async () => {
  const { write, send, digest } = begin();
  for (const vmid of [100, 102]) await write("POST", "/cluster/ha/resources", { sid: `vm:${vmid}`, comment: "x" });
  const ha = await digest("/cluster/ha/resources/vm:100");
  expect(await digest("/cluster/ha/resources/vm:102")).toBe(ha);
  await write("PUT", "/cluster/ha/resources/vm:102", { comment: "x" });
  expect(await digest("/cluster/ha/resources/vm:100")).toBe(ha);
  await write("PUT", "/cluster/ha/resources/vm:102", { comment: "y" });
  expect(await digest("/cluster/ha/resources/vm:100")).not.toBe(ha);
  const rules = "/cluster/firewall/rules";
  for (const comment of ["a", "b"]) await write("POST", rules, { type: "in", action: "DROP", comment });
  const guard = await digest(`${rules}/0`);
  expect(await digest(`${rules}/1`)).toBe(guard);
  await write("PUT", `${rules}/1`, { comment: "c", digest: String(guard) });
  expect(await digest(`${rules}/0`)).not.toBe(guard);
  expect((await send("PUT", `${rules}/0`, { comment: "d", digest: String(guard) })).statusText).toBe(
    "detected modified configuration - file changed by other user? Try again.",
  );
});
