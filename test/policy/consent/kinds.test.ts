import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { agreeable, type Human, type HumanAnswer, type McpClient, type ToolAnswer } from "../../support/clients.ts";
import { runOnTerminal } from "../../support/terminal.ts";
import { type Stage, setStage, transports } from "../stage.ts";
import { kinds, type Prepared } from "./kinds.ts";

/** A way of consent: makes the call, lets `meanwhile` happen once the plan was made, and gives the consent. */
interface Way {
  readonly name: string;
  readonly fallback: "code" | "two-step";
  readonly hasHuman: boolean;
  give(act: Act): Promise<ToolAnswer>;
}

interface Act {
  readonly stage: Stage;
  readonly call: (more?: Record<string, unknown>) => Promise<ToolAnswer>;
  /** Tells the client's human what to do with the next question. */
  readonly human: (act: Human) => void;
  readonly meanwhile: () => Promise<unknown>;
}

const ways: readonly Way[] = [
  {
    name: "elicitation",
    fallback: "code",
    hasHuman: true,
    async give({ call, human, meanwhile }) {
      human(async (shown) => {
        await meanwhile();
        return agreeable(shown);
      });
      return await call();
    },
  },
  {
    name: "two steps",
    fallback: "two-step",
    hasHuman: false,
    async give({ call, meanwhile }) {
      const { text, isError } = await call();
      expect({ text, isError }).toMatchObject({ isError: false });
      const consent = /with consent: "([^"]+)"$/.exec(text)?.[1];
      expect(consent, text).toBeString();
      await meanwhile();
      return await call({ consent });
    },
  },
  {
    // A form that nobody answers leaves the code, for every kind of target.
    name: "a code",
    fallback: "two-step",
    hasHuman: true,
    async give({ stage, call, human, meanwhile }) {
      human(() => ({ action: "cancel" }));
      const { text, isError } = await call();
      expect({ text, isError }).toMatchObject({ isError: false });
      const id = newQuestion(text);
      const code = (await stage.consents()).find((question) => question.id === id)?.code ?? "";
      expect(text).not.toContain(code);
      await meanwhile();
      return await call({ consent: code });
    },
  },
];

/** How often the product sent this request to Proxmox. */
function sent(stage: Stage, { method, path }: Prepared): number {
  return stage.demo.requests.filter(
    (request) => request.method === method && decodeURIComponent(request.path) === `/api2/json${path}`,
  ).length;
}

/** The question that an answer asks, `K7Q2`. */
function newQuestion(text: string): string {
  return /\(question (\w{4})\)/.exec(text)?.[1] ?? "";
}

describe.each(ways)("by $name", ({ fallback, hasHuman, give }) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage({ policy: { consent_fallback: fallback } });
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  describe.each(Object.entries(transports))("%s", (_, connect) => {
    let client: McpClient;
    let act: Human = () => ({ action: "cancel" });

    beforeAll(async () => {
      const human = (shown: Parameters<Human>[0]): HumanAnswer | Promise<HumanAnswer> => act(shown);
      client = await connect(stage, hasHuman ? human : undefined);
    });

    afterAll(async () => {
      await client[Symbol.asyncDispose]();
    });

    const callOf =
      ({ method, path, data }: Prepared) =>
      (more: Record<string, unknown> = {}) =>
        client.call("proxmox_api_call", { method, path, ...(data && { data }), ...more });
    const consentWith = async (prepared: Prepared, consent: string) => await callOf(prepared)({ consent });
    const consent = async (prepared: Prepared, meanwhile: () => Promise<unknown>) =>
      await give({
        stage,
        call: callOf(prepared),
        human: (next) => {
          act = next;
        },
        meanwhile,
      });

    test.each(kinds)("consent to a $name counts the first time, and the call is sent once", async ({ prepare }) => {
      const prepared = await prepare(stage);
      const before = sent(stage, prepared);
      const { text, isError } = await consent(prepared, async () => undefined);
      expect({ text, isError }).toMatchObject({ isError: false });
      expect(text).not.toContain("NOT EXECUTED");
      expect(sent(stage, prepared) - before).toBe(1);
      expect(await prepared.isDone()).toBe(true);
    });

    test.each(kinds)("consent to a $name that changed meanwhile is refused, naming the change", async ({ prepare }) => {
      const prepared = await prepare(stage);
      const before = sent(stage, prepared);
      const { text } = await consent(prepared, prepared.change);
      expect(text.split("\n")[0]).toMatch(prepared.changed);
      expect(text).toContain("does not count");
      expect(sent(stage, prepared) - before).toBe(0);
      expect(await prepared.isDone()).toBe(false);
      const next = newQuestion(text);
      const code = (await stage.consents()).find((question) => question.id === next)?.code;
      if (code === undefined) return;
      // The plan of now was asked about in the same answer, so its code counts.
      await consentWith(prepared, code);
      expect(sent(stage, prepared) - before).toBe(1);
      expect(await prepared.isDone()).toBe(true);
    });
  });
});

describe("by the command line", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  const commands = { POST: "create", PUT: "set", DELETE: "delete", GET: "get" };

  const run = async ({ method, path, data = {}, word }: Prepared, meanwhile: () => Promise<unknown>) =>
    await runOnTerminal(
      [
        "call",
        commands[method as keyof typeof commands],
        path,
        ...Object.entries(data).flatMap(([key, value]) => [value].flat().map((one) => `${key}=${one}`)),
        "--config",
        stage.config.path,
      ],
      stage.env,
      async (shown) => {
        await meanwhile();
        return word ?? /Type (\S+)/.exec(shown)?.[1] ?? "y";
      },
    );

  test.each(kinds)("consent to a $name counts the first time, and the call is sent once", async ({ prepare }) => {
    const prepared = await prepare(stage);
    const before = sent(stage, prepared);
    const { text, code } = await run(prepared, async () => undefined);
    expect({ text, code }).toMatchObject({ code: 0 });
    expect(sent(stage, prepared) - before).toBe(1);
    await Bun.sleep(20);
    expect(await prepared.isDone()).toBe(true);
  });

  test.each(kinds)("consent to a $name that changed meanwhile is refused, naming the change", async ({ prepare }) => {
    const prepared = await prepare(stage);
    const before = sent(stage, prepared);
    const { text, code } = await run(prepared, prepared.change);
    expect({ text, code }).toMatchObject({ code: 1 });
    expect(text).toMatch(prepared.changed);
    expect(sent(stage, prepared) - before).toBe(0);
    expect(await prepared.isDone()).toBe(false);
  });
});
