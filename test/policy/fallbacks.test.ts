import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { McpClient } from "../support/clients.ts";
import { type Stage, setStage, transports } from "./stage.ts";

const fallbacks = ["code", "two-step", "deny"] as const;

/** The value that an answer NOT EXECUTED says to repeat the call with. */
function valueIn(text: string): string {
  return /with consent: "([^"]+)"$/.exec(text)?.[1] ?? "";
}

/** Whatever a model might make up, in every argument that there is and some that there are not. */
const inventions = [
  { consent: "yes" },
  { consent: "true" },
  { consent: "target" },
  { consent: "AAAA-AAAA" },
  { consent: "eyJ0IjoxfQ.AAAA" },
];

describe.each(Object.entries(transports))("%s, with a client that can ask nobody,", (_, connect) => {
  describe.each(fallbacks)("and consent_fallback %s", (fallback) => {
    let stage: Stage;
    let client: McpClient;
    let vmid: string;

    beforeAll(async () => {
      stage = await setStage({ policy: { consent_fallback: fallback } });
      client = await connect(stage);
    });

    afterAll(async () => {
      await client[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    });

    beforeEach(async () => {
      vmid = await stage.makeGuest("target");
    });

    const codeFor = async () =>
      (await stage.consents()).find(({ request }) => request === `DELETE /nodes/pve1/qemu/${vmid}`)?.code ?? "";
    const destroy = (args: Record<string, unknown> = {}) =>
      client.call("proxmox_api_call", { method: "DELETE", path: `/nodes/pve1/qemu/${vmid}`, ...args });

    test("a model that repeats its call, or invents arguments, destroys nothing", async () => {
      for (const args of [{}, {}, ...inventions]) {
        const { text, isError } = await destroy(args);
        // A plan that waits for consent is an answer, a refusal an error.
        expect({ text, isError }).toMatchObject({ isError: fallback === "deny" });
        expect(text).toContain(fallback === "deny" ? 'consent_fallback "deny"' : "NOT EXECUTED");
      }
      for (const args of [{ confirm: true }, { force: true }, { approved: "yes" }]) {
        expect((await destroy(args)).text).toContain("there is no argument");
      }
      expect(await stage.exists(vmid)).toBe(true);
    });

    test("what is irreversible passes as the setting says, once, and for nothing else", async () => {
      const { text } = await destroy();
      if (fallback === "deny") {
        expect(text).toContain("this client did not bring a human's answer");
        expect(text).not.toContain("consent: ");
        return;
      }
      const consent = fallback === "code" ? await codeFor() : valueIn(text);
      expect(consent.length).toBeGreaterThan(8);
      expect(text.includes(consent)).toBe(fallback === "two-step");
      const other = await stage.makeGuest("bystander");
      const elsewhere = await client.call("proxmox_api_call", {
        method: "DELETE",
        path: `/nodes/pve1/qemu/${other}`,
        consent,
      });
      expect(elsewhere.text).toContain("does not count: it was asked for");
      expect((await destroy({ consent, data: { purge: true } })).text).toContain("does not count: it was asked for");
      expect(await stage.exists(vmid)).toBe(true);
      expect(await destroy({ consent })).toMatchObject({ isError: false });
      expect(await stage.exists(vmid)).toBe(false);
      expect(await stage.exists(other)).toBe(true);
    });

    test("what was agreed to is not done to a guest that changed since", async () => {
      const { text } = await destroy();
      if (fallback === "deny") return;
      const consent = fallback === "code" ? await codeFor() : valueIn(text);
      await stage.admin("PUT", `/nodes/pve1/qemu/${vmid}/config`, { description: "the last copy: keep" });
      expect((await destroy({ consent })).text).toMatch(/^Consent \w{4} does not count: description/);
      expect(await stage.exists(vmid)).toBe(true);
    });

    test("what can be taken back needs no code, but a second step", async () => {
      await stage.admin("POST", `/nodes/pve1/qemu/${vmid}/status/start`);
      await Bun.sleep(50);
      const stop = (args = {}) =>
        client.call("proxmox_api_call", { method: "POST", path: `/nodes/pve1/qemu/${vmid}/status/stop`, ...args });
      const { text, isError } = await stop();
      expect(isError).toBe(fallback === "deny");
      if (fallback === "deny") return;
      const { text: done } = await stop({ consent: valueIn(text) });
      expect(done).not.toContain("NOT EXECUTED");
      expect((await stop({ consent: valueIn(text) })).text).not.toContain("OK");
    });
  });
});
