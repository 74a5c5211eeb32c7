import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { clicking, httpClient, type McpClient } from "../../support/clients.ts";
import { type Stage, setStage } from "../stage.ts";

interface Variant {
  readonly method?: string;
  readonly path: string;
  readonly data?: Record<string, unknown>;
}

describe.each(["decline", "cancel"] as const)("what a human answers with %s", (action) => {
  let stage: Stage;
  let asker: McpClient;
  let blind: McpClient;
  let asked = 0;

  beforeAll(async () => {
    stage = await setStage({ policy: { consent_fallback: "two-step" } });
    asker = await httpClient({
      url: stage.product.url,
      human: (shown) => {
        asked++;
        return clicking(action)(shown);
      },
    });
    blind = await httpClient(stage.product);
  });

  afterAll(async () => {
    await Promise.all([asker[Symbol.asyncDispose](), blind[Symbol.asyncDispose]()]);
    await stage[Symbol.asyncDispose]();
  });

  /** The call is answered by the human, and then made in other words by a client that can ask nobody. */
  async function evade(call: Variant, variants: readonly Variant[]) {
    await asker.call("proxmox_api_call", { method: "POST", ...call });
    const writes = stage.demo.writes();
    for (const variant of [call, ...variants]) {
      const args = { method: "POST", ...variant };
      const { text } = await blind.call("proxmox_api_call", args);
      expect({ variant, text }).toMatchObject({ text: expect.not.stringContaining('with consent: "') });
      const value = /consent: "?([\w-]{9,})/.exec(text)?.[1];
      if (value !== undefined) await blind.call("proxmox_api_call", { ...args, consent: value });
    }
    expect(stage.demo.writes()).toBe(writes);
  }

  test("is not got round by another spelling of a guest's path or of its parameters", async () => {
    const vmid = await stage.makeGuest("steady");
    await stage.admin("POST", `/nodes/pve1/qemu/${vmid}/status/start`);
    await Bun.sleep(20);
    await evade({ path: `/nodes/pve1/qemu/${vmid}/status/stop` }, [
      { path: `nodes/pve1/qemu/${vmid}/status/stop` },
      { path: `/api2/json/nodes/pve1/qemu/${vmid}/status/stop` },
      { path: `/guests/${vmid}/status/stop` },
      { path: "/guests/steady/status/stop" },
      { path: "/guests/STEADY/status/stop" },
      { path: `/nodes/localhost/qemu/${vmid}/status/stop` },
      { path: `/nodes/pve1/qemu/${vmid}/status/stop`, data: { skiplock: 0 } },
      { path: `/nodes/pve1/qemu/${vmid}/status/stop`, data: { skiplock: false } },
      { path: `/nodes/pve1/qemu/${vmid}/status/stop`, data: { skiplock: ["0"] } },
      { path: `/nodes/pve1/qemu/${vmid}/status/stop`, data: { timeout: 30 } },
      { path: `/nodes/pve1/qemu/${vmid}/status/stop`, data: { keepActive: "no" } },
    ]);
  });

  test("is not got round by POST instead of PUT, another order or other separators of a list", async () => {
    const vmid = await stage.makeGuest("set", { onboot: "1", tags: "a" });
    const path = `/nodes/pve1/qemu/${vmid}/config`;
    await evade({ method: "PUT", path, data: { delete: ["onboot", "tags"] } }, [
      { method: "PUT", path, data: { delete: "tags,onboot" } },
      { method: "PUT", path, data: { delete: "onboot; tags" } },
      { method: "PUT", path, data: { delete: ["tags", "onboot"], background_delay: 1 } },
      { method: "POST", path, data: { delete: ["onboot", "tags"] } },
      { method: "PUT", path: "/guests/set/config", data: { delete: "onboot,tags" } },
    ]);
  });

  test("is not got round where only parameters name the object", async () => {
    const data = { path: "/vms", roles: "PVEVMAdmin", users: "audit@pve" };
    await evade({ method: "PUT", path: "/access/acl", data }, [
      { method: "PUT", path: "/access/acl", data: { ...data, users: ["audit@pve"] } },
      { method: "PUT", path: "/access/acl", data: { users: "audit@pve", roles: ["PVEVMAdmin"], path: "/vms" } },
      { method: "PUT", path: "/access/acl", data: { ...data, delete: 0 } },
    ]);
  });

  test("closes no other object", async () => {
    const [one, other] = [await stage.makeGuest("one"), await stage.makeGuest("other")];
    for (const vmid of [one, other]) await stage.admin("POST", `/nodes/pve1/qemu/${vmid}/status/start`);
    await Bun.sleep(20);
    await asker.call("proxmox_api_call", { method: "POST", path: `/nodes/pve1/qemu/${one}/status/stop` });
    const { text } = await blind.call("proxmox_api_call", {
      method: "POST",
      path: `/nodes/pve1/qemu/${other}/status/stop`,
    });
    expect(text).toContain('with consent: "');
  });

  test("is asked by form no more after a decline, and again after a form that was closed by mistake", async () => {
    const vmid = await stage.makeGuest("again");
    const call = { method: "DELETE", path: `/nodes/pve1/qemu/${vmid}` };
    await asker.call("proxmox_api_call", call);
    const before = asked;
    await asker.call("proxmox_api_call", { ...call, path: "/guests/again", data: { purge: 0 } });
    expect(asked - before).toBe(action === "decline" ? 0 : 1);
  });
});
