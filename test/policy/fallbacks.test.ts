import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Secret } from "../../src/config/secret.ts";
import { type Call, ConsentNeeded } from "../../src/policy/call.ts";
import { local } from "../../src/policy/caller.ts";
import { type Asked, Consents } from "../../src/policy/consent.ts";
import { NotExecuted, PolicyRefusal } from "../../src/policy/refusal.ts";
import { Seal } from "../../src/seal.ts";
import type { McpClient } from "../support/clients.ts";
import { configOf } from "../support/guarded.ts";
import { keptLog, until } from "../support/listening.ts";
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

describe.each(Object.entries(transports).slice(0, 3))("%s, with a client that can ask nobody,", (_, connect) => {
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

    const destroy = (args: Record<string, unknown> = {}) =>
      client.call("proxmox_api_call", { method: "DELETE", path: `/nodes/pve1/qemu/${vmid}`, ...args });

    test("a model that repeats its call, or invents arguments, destroys nothing", async () => {
      for (const args of [{}, {}, ...inventions]) {
        const { text, isError } = await destroy(args);
        expect({ text, isError }).toMatchObject({ isError: true });
        expect(text).toContain(fallback === "deny" ? 'consent_fallback "deny"' : "");
      }
      for (const args of [{ confirm: true }, { force: true }, { approved: "yes" }]) {
        expect((await destroy(args)).text).toContain("there is no argument");
      }
      expect(await stage.exists(vmid)).toBe(true);
    });

    test("what is irreversible passes as the setting says, once, and for nothing else", async () => {
      const { text } = await destroy();
      if (fallback === "deny") {
        expect(text).toContain("this client cannot ask its human");
        expect(text).not.toContain("consent: ");
        return;
      }
      // Written for this guest: a code stands in the log beside its plan.
      const line = new RegExp(`consent code (\\S+) for .*qemu/${vmid}`);
      if (fallback === "code") await until(() => line.test(stage.product.stderr()));
      const code = line.exec(stage.product.stderr())?.[1] ?? "";
      const consent = fallback === "code" ? code : valueIn(text);
      expect(consent.length).toBeGreaterThan(8);
      expect(text.includes(consent)).toBe(fallback === "two-step");
      const other = await stage.makeGuest("bystander");
      const elsewhere = await client.call("proxmox_api_call", {
        method: "DELETE",
        path: `/nodes/pve1/qemu/${other}`,
        consent,
      });
      expect(elsewhere.isError).toBe(true);
      expect((await destroy({ consent, data: { purge: true } })).isError).toBe(true);
      expect(await destroy({ consent })).toMatchObject({ isError: false });
      expect(await stage.exists(vmid)).toBe(false);
      expect(await stage.exists(other)).toBe(true);
    });

    test("what was agreed to is not done to a guest that changed since", async () => {
      const { text } = await destroy();
      if (fallback === "deny") return;
      const line = new RegExp(`consent code (\\S+) for .*qemu/${vmid}`);
      if (fallback === "code") await until(() => line.test(stage.product.stderr()));
      const consent = fallback === "code" ? line.exec(stage.product.stderr())?.[1] : valueIn(text);
      await stage.admin("PUT", `/nodes/pve1/qemu/${vmid}/config`, { description: "the last copy: keep" });
      expect(await destroy({ consent })).toMatchObject({ isError: true });
      expect(await stage.exists(vmid)).toBe(true);
    });

    test("what can be taken back needs no code, but a second step", async () => {
      await stage.admin("POST", `/nodes/pve1/qemu/${vmid}/status/start`);
      await Bun.sleep(50);
      const stop = (args = {}) =>
        client.call("proxmox_api_call", { method: "POST", path: `/nodes/pve1/qemu/${vmid}/status/stop`, ...args });
      const { text, isError } = await stop();
      expect(isError).toBe(true);
      if (fallback === "deny") return;
      expect(await stop({ consent: valueIn(text) })).toMatchObject({ isError: false });
      expect(await stop({ consent: valueIn(text) })).toMatchObject({ isError: true });
    });
  });
});

describe("with a clock of its own", () => {
  const asked: Asked = {
    binding: "everything",
    text: "the plan",
    words: ["web-01"],
    irreversible: true,
    what: "DELETE /x on prod",
    setting: 'consent_fallback "code"',
    fallback: "code",
  };
  const call: Call = { caller: local, client: "test", canAsk: true };
  const blind: Call = { ...call, canAsk: false };
  let now = 1_000_000;
  const log = keptLog();
  const seal = () => new Seal(configOf([], { sealKey: new Secret("k".repeat(32)) }));
  const consents = new Consents(seal(), log, () => now);

  function refusalOf(run: () => unknown): Error {
    try {
      run();
    } catch (error) {
      if (error instanceof Error) return error;
    }
    throw new Error("it passed");
  }

  function stateOf(from = consents): string {
    const error = refusalOf(() => from.settle(asked, call));
    if (error instanceof ConsentNeeded) return error.state;
    throw error;
  }

  const replied = (state: string): Call => ({ ...call, reply: { state, action: "accept", confirm: "web-01" } });

  test("an answer within ten minutes counts, and a later one does not", () => {
    const [early, late] = [stateOf(), stateOf()];
    now += 10 * 60_000;
    expect(consents.settle(asked, replied(early))).toBe("human");
    now += 1;
    expect(refusalOf(() => consents.settle(asked, replied(late))).message).toContain("too late");
  });

  test("two processes with the same key do not take each other's past for their own", () => {
    const state = stateOf();
    const later = new Consents(seal(), log, () => now + 5);
    expect(refusalOf(() => later.settle(asked, replied(state))).message).toContain("before this server was started");
    const replica = new Consents(seal(), log, () => now);
    expect(replica.settle(asked, replied(state))).toBe("human");
  });

  test("a code is good for three tries and ten minutes, and then for nothing until a new one", () => {
    const lines = log.lines.length;
    expect(refusalOf(() => consents.settle(asked, blind))).toBeInstanceOf(NotExecuted);
    const code = /consent code (\S+)/.exec(log.lines.slice(lines).join("\n"))?.[1] ?? "";
    for (const left of [2, 1, 0]) {
      const error = refusalOf(() => consents.settle(asked, { ...blind, consent: "AAAA-AAAA" }));
      expect(error.message).toStartWith(`That is not the code; ${left} more tries.`);
    }
    for (const consent of [code, undefined]) {
      const error = refusalOf(() => consents.settle(asked, { ...blind, consent }));
      expect(error).toBeInstanceOf(PolicyRefusal);
      expect(error.message).toContain("3 wrong codes came for it");
    }
    now += 10 * 60_000 + 1;
    expect(refusalOf(() => consents.settle(asked, { ...blind, consent: code }))).toBeInstanceOf(NotExecuted);
    const next = /consent code (\S+)/.exec(log.lines.at(-1) ?? "")?.[1] ?? "";
    expect(next).not.toBe(code);
    expect(consents.settle(asked, { ...blind, consent: next.toLowerCase() })).toBe("code");
    expect(refusalOf(() => consents.settle(asked, { ...blind, consent: next }))).toBeInstanceOf(NotExecuted);
  });

  test("where the log shows no codes none is waited for: it is refused, and says why", () => {
    const mute = new Consents(seal(), { ...log, warns: false }, () => now);
    const error = refusalOf(() => mute.settle(asked, blind));
    expect(error).toBeInstanceOf(PolicyRefusal);
    expect(error.message).toContain("Set MCP_LOG_LEVEL to warn or more");
    expect(refusalOf(() => mute.settle({ ...asked, irreversible: false }, blind))).toBeInstanceOf(NotExecuted);
  });

  test("the values of the two ways are never taken for one another", () => {
    const twoStep: Asked = { ...asked, fallback: "two-step" };
    const value = valueIn(refusalOf(() => consents.settle(twoStep, blind)).message);
    expect(refusalOf(() => consents.settle(twoStep, replied(value))).message).toContain("something else");
    expect(refusalOf(() => consents.settle(twoStep, { ...blind, consent: stateOf() }))).toBeInstanceOf(NotExecuted);
    expect(consents.settle(twoStep, { ...blind, consent: value })).toBe("two-step");
  });
});
