import { expect, test } from "bun:test";
import { join } from "node:path";
import { httpClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { startProduct } from "../support/product.ts";
import { setStage } from "./stage.ts";

const page = await Bun.file(join(import.meta.dir, "../../docs/policy.md")).text();
const [callers, unattended, ...others] = [...page.matchAll(/```json\n(.*?)```/gs)].map(
  ([, text = ""]) => JSON.parse(text) as Record<string, unknown>,
);

test("the page for operators has the recipes that are tried here", () => {
  expect(Object.keys(callers ?? {})).toEqual(["clusters", "callers"]);
  expect(Object.keys(unattended ?? {})).toContain("consent_fallback");
  expect(others).toEqual([]);
});

test("its callers get the tools that their level leaves them", async () => {
  await using config = await configFile(callers, { "prod.secret": "00000000-0000-4000-8000-000000000000" });
  await using product = await startProduct(["--config", config.path]);
  // The page's hashes are those of these words.
  for (const [token, writes] of [
    ["foo", false],
    ["bar", true],
  ] as const) {
    await using client = await httpClient({ url: product.url, headers: { authorization: `Bearer ${token}` } });
    const names = await client.listTools();
    expect(names).toContain("proxmox_api_read");
    expect(names.includes("proxmox_api_call")).toBe(writes);
  }
});

test("its agent that nobody watches starts, snapshots and backs up, and destroys nothing", async () => {
  await using stage = await setStage({ policy: unattended ?? {} });
  const vmid = await stage.makeGuest("batch");
  const prod = await stage.makeGuest("shop", { tags: "prod" });
  await using client = await httpClient(stage.product);
  const call = async (method: string, path: string, data: Record<string, unknown> = {}) => {
    const { text, isError } = await client.call("proxmox_api_call", { method, path, data });
    return isError ? text : "passed";
  };
  expect(await call("GET", `/guests/${vmid}/config`)).toBe("passed");
  expect(await call("POST", `/guests/${vmid}/status/start`)).toBe("passed");
  expect(await call("POST", `/guests/${vmid}/snapshot`, { snapname: "before" })).toBe("passed");
  expect(await call("POST", "/nodes/pve1/vzdump", { vmid, remove: 0 })).toBe("passed");
  expect(await call("POST", "/nodes/pve1/vzdump", { vmid, mode: "stop" })).toContain("consent_fallback");
  expect(await call("GET", `/guests/${vmid}/snapshot/before/config`)).toContain("consent_fallback");
  expect(await call("DELETE", `/guests/${vmid}`)).toContain("allow does not list it");
  expect(await call("POST", `/guests/${prod}/status/start`)).toContain('protect contains "tag:prod"');
  expect(await call("POST", "/nodes/pve1/vzdump", { all: 1 })).toContain("protect contains");
  expect([await stage.exists(vmid), await stage.exists(prod)]).toEqual([true, true]);
});
