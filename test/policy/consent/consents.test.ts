import { beforeEach, describe, expect, test } from "bun:test";
import { type Call, ConsentNeeded, type HumanReply } from "../../../src/policy/call.ts";
import type { CodeDisplay } from "../../../src/policy/consent/code-display.ts";
import { Consents } from "../../../src/policy/consent/consents.ts";
import type { OpenQuestion } from "../../../src/policy/consent/open-question.ts";
import type { Asked } from "../../../src/policy/consent/question.ts";
import type { Plan } from "../../../src/policy/plan/plan.ts";
import { NotExecuted, PolicyRefusal } from "../../../src/policy/refusal.ts";

const plan: Plan = {
  action: "DELETE VM 104 web-01 on prod: cannot be undone",
  effect: "Loses scsi0 (32 GiB), 2 snapshots; newest backup 2 h ago",
  details: ["DELETE /nodes/pve1/qemu/104"],
  words: ["web-01", "104"],
  fitsForm: true,
  facts: new Map([
    ["memory", "512"],
    ["node", "pve1"],
  ]),
  digest: undefined,
};

const asked: Asked = {
  key: "DELETE /nodes/pve1/qemu/104",
  meaning: "delete VM 104",
  target: "VM 104",
  plan,
  codeRequired: true,
  cluster: "prod",
  request: "DELETE /nodes/pve1/qemu/104",
  fallback: "code",
  setting: 'consent_fallback "code" (clusters.json, under prod)',
};

const changed: Asked = { ...asked, plan: { ...plan, facts: new Map([...plan.facts, ["memory", "1024"]]) } };
const other: Asked = {
  ...asked,
  key: "DELETE /nodes/pve1/qemu/105",
  meaning: "delete VM 105",
  target: "VM 105",
  request: "DELETE /nodes/pve1/qemu/105",
};
const reversible: Asked = { ...asked, key: "stop", meaning: "stop", target: "stop", codeRequired: false };

const caller = { name: "night-shift", id: "x" };
const form: Call = { caller, client: "claude-code 2.1", prompt: "form" };
const blind: Call = { caller, client: "gemini-cli 0.61", prompt: "none" };

let now: number;
let announced: OpenQuestion[];
let consents: Consents;

beforeEach(() => {
  now = 1_000_000;
  announced = [];
  consents = make("`proxmox-mcp consents`");
});

function make(how: CodeDisplay["how"]): Consents {
  return new Consents({ how, announce: (question) => announced.push(question) }, () => now);
}

function thrown(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

/** The message of a refusal, which is an error for the model. */
function refused(run: () => unknown): string {
  const error = thrown(run);
  expect(error).toBeInstanceOf(PolicyRefusal);
  return error.message;
}

/** The message of a plan that waits for consent, which is an answer. */
function waiting(run: () => unknown): string {
  const error = thrown(run);
  expect(error).toBeInstanceOf(NotExecuted);
  return error.message;
}

function askForm(what = asked, call = form): string {
  const error = thrown(() => consents.settle(what, call));
  if (error instanceof ConsentNeeded) return error.state;
  throw error;
}

/** The answer of a human, who needs a moment to read. */
function answer(state: string, reply: Partial<HumanReply> = {}, call = form): Call {
  now += 1000;
  return { ...call, reply: { state, action: "accept", confirm: "web-01", ...reply } };
}

function askCode(what = asked, call = blind): string {
  waiting(() => consents.settle(what, call));
  return consents.open().findLast(({ code, caller: { length } }) => code !== undefined && length > 0)?.code ?? "";
}

function valueIn(text: string): string {
  return /with consent: "([^"]+)"$/.exec(text)?.[1] ?? "";
}

describe("a question in the client's form", () => {
  test("is answered by each of its words, once", () => {
    for (const confirm of ["web-01", " 104 "]) {
      const reply = answer(askForm(), { confirm });
      expect(consents.settle(asked, reply)).toMatchObject({ how: "human" });
      expect(refused(() => consents.settle(asked, reply))).toContain("it was used already");
    }
  });

  test("with nothing to type is answered by accepting it", () => {
    const click = { ...asked, plan: { ...plan, words: [] } };
    expect(consents.settle(click, answer(askForm(click), { confirm: undefined }))).toMatchObject({ how: "human" });
  });

  test("counts for ten minutes", () => {
    const [early, late] = [askForm(), askForm()];
    now += 10 * 60_000 - 1000;
    expect(consents.settle(asked, answer(early))).toMatchObject({ how: "human" });
    expect(refused(() => consents.settle(asked, answer(late)))).toContain("it came more than ten minutes after");
  });

  test.each([
    ["a wrong word", { confirm: "web-02" }, 'what was typed is not "web-01" or "104"'],
    ["no word", { confirm: undefined }, 'what was typed is not "web-01" or "104"'],
    ["an invented state", { state: "K7Q2.00000000-0000-0000-0000-000000000000" }, "does not know its question"],
  ])("does not count with %s", (_, reply, text) => {
    expect(refused(() => consents.settle(asked, answer(askForm(), reply)))).toContain(text);
  });

  test("is answered by its own caller with its own state, as long as it is open", () => {
    const state = askForm();
    const [id = ""] = state.split(".");
    expect(consents.isAnswer(form)).toBe(false);
    expect(consents.isAnswer(answer(`${id}.00000000-0000-0000-0000-000000000000`))).toBe(false);
    expect(consents.isAnswer(answer(state, {}, { ...form, caller: { name: "night-shift", id: "y" } }))).toBe(false);
    const reply = answer(state, { action: "decline" });
    expect(consents.isAnswer(reply)).toBe(true);
    refused(() => consents.settle(asked, reply));
    expect(consents.isAnswer(reply)).toBe(false);
  });

  test("says first what changed since the plan", () => {
    const state = askForm();
    expect(refused(() => consents.settle(changed, answer(state)))).toMatch(
      /^The answer to question \w{4} does not count: memory 512 -> 1024 since the plan\. DELETE /,
    );
    // The target went back to what it was: the question stays closed.
    expect(refused(() => consents.settle(asked, answer(state)))).toContain("changed since");
  });

  test("does not count for another request, nor for another caller", () => {
    expect(refused(() => consents.settle(other, answer(askForm())))).toContain(
      "it was asked for DELETE /nodes/pve1/qemu/104",
    );
    const stranger = answer(askForm(), {}, { ...form, caller: { name: "night-shift", id: "y" } });
    expect(refused(() => consents.settle(asked, stranger))).toContain("does not know its question");
  });

  test("is not used for what the first lines cannot show: then only a code counts", () => {
    const long = { ...asked, plan: { ...plan, fitsForm: false }, codeRequired: false, fallback: "two-step" as const };
    expect(waiting(() => consents.settle(long, form))).toContain("`proxmox-mcp consents`");
    expect(consents.settle(long, { ...form, consent: consents.open()[0]?.code })).toMatchObject({ how: "code" });
  });
});

describe("a human's no", () => {
  test("is told as one, whatever became of the question, and holds for ten minutes in every way of asking", () => {
    const state = askForm();
    const open = askCode();
    for (const [what, given] of [
      [asked, "made-up"],
      [changed, state],
      [asked, state],
    ] as const) {
      const no = answer(given, { action: "decline" });
      expect(refused(() => consents.settle(what, no))).toStartWith("The human declined.");
    }
    const late = askForm(other);
    for (const call of [form, blind, { ...blind, consent: open }, answer(late)]) {
      expect(refused(() => consents.settle(asked, call))).toStartWith("The human declined.");
    }
    now += 10 * 60_000;
    expect(thrown(() => consents.settle(asked, form))).toBeInstanceOf(ConsentNeeded);
  });

  test("leaves no way to agree to a variant of the call without a human", () => {
    const what = { ...reversible, fallback: "two-step" as const };
    const variant = { ...what, key: "stop, written otherwise", meaning: "stop, with a parameter" };
    refused(() => consents.settle(what, answer(askForm(what), { action: "decline" })));
    expect(refused(() => consents.settle({ ...what, key: "stop by name" }, blind))).toStartWith("The human declined.");
    const text = waiting(() => consents.settle(variant, blind));
    expect(text).toContain("`proxmox-mcp consents`");
    expect(text).not.toContain('consent: "');
    // A human may want it otherwise, and sees what is asked.
    expect(thrown(() => consents.settle(variant, form))).toBeInstanceOf(ConsentNeeded);
  });

  test("counts only as the answer to a question: a client that makes one up closes nothing", () => {
    refused(() => consents.settle(asked, answer("K7Q2.x", { action: "decline" })));
    expect(thrown(() => consents.settle(asked, form))).toBeInstanceOf(ConsentNeeded);
  });

  test("closes nothing else", () => {
    refused(() => consents.settle(asked, answer(askForm(), { action: "decline" })));
    expect(thrown(() => consents.settle(other, form))).toBeInstanceOf(ConsentNeeded);
  });
});

describe("a form that nobody answers", () => {
  test.each(["cancel", "timeout", ""])("(%p) leaves only a code, which a model cannot take alone", (action) => {
    const what = { ...reversible, fallback: "two-step" as const };
    const text = waiting(() => consents.settle(what, answer(askForm(what), { action })));
    expect(text).toStartWith("No human answered the question in the client.\nNOT EXECUTED");
    expect(text).toContain(plan.effect);
    expect(text).not.toContain('consent: "');
    // The same client, and another one of the same caller that can ask nobody.
    const next = waiting(() => consents.settle(what, blind));
    expect(next).not.toContain('consent: "');
    expect(consents.settle(what, { ...blind, consent: consents.open().find(({ code }) => code)?.code })).toMatchObject({
      how: "code",
    });
    now += 10 * 60_000;
    expect(valueIn(waiting(() => consents.settle(what, blind)))).not.toBe("");
  });

  test("closes a two-step value that was given out before, and the same request with other parameters", () => {
    const what = { ...reversible, fallback: "two-step" as const };
    const consent = valueIn(waiting(() => consents.settle(what, blind)));
    waiting(() => consents.settle(what, answer(askForm(what), { action: "cancel" })));
    expect(waiting(() => consents.settle(what, { ...blind, consent }))).toContain("was closed in the client meanwhile");
    const variant = { ...what, key: "stop, other parameters", meaning: "stop otherwise" };
    expect(waiting(() => consents.settle(variant, blind))).not.toContain('consent: "');
  });

  test("does not end the form: the next call asks it again, for the human may be back", () => {
    waiting(() => consents.settle(asked, answer(askForm(), { action: "cancel" })));
    expect(consents.settle(asked, answer(askForm()))).toMatchObject({ how: "human" });
  });
});

describe("an answer that comes faster than a human reads", () => {
  const reply = (state: string, given: Partial<HumanReply>): Call => ({
    ...form,
    reply: { state, action: "accept", confirm: undefined, ...given },
  });
  const click = { ...asked, plan: { ...plan, words: [] } };

  test.each(["accept", "decline"])("(%s) is the client's own, and leaves only a code", (action) => {
    const text = waiting(() => consents.settle(click, reply(askForm(click), { action })));
    expect(text).toStartWith("No human answered the question in the client.");
    now += 299;
    expect(waiting(() => consents.settle(click, reply(askForm(click), { action })))).toContain(
      "`proxmox-mcp consents`",
    );
    const state = askForm(click);
    now += 300;
    if (action === "accept") expect(consents.settle(click, reply(state, {}))).toMatchObject({ how: "human" });
    else expect(refused(() => consents.settle(click, reply(state, { action })))).toStartWith("The human declined.");
  });

  test("counts where a word was typed that only a reader knows", () => {
    expect(consents.settle(asked, reply(askForm(), { confirm: "web-01" }))).toMatchObject({ how: "human" });
  });
});

describe("a code", () => {
  test("is shown by the display and nowhere in the answer", () => {
    const text = waiting(() => consents.settle(asked, blind));
    const [{ code = "", id, plan: lines } = {} as OpenQuestion] = announced;
    expect(code).toMatch(/^[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){3}$/);
    expect(code).toStartWith(`${id}-`);
    expect(text).toContain(`question ${id}`);
    expect(text).not.toContain(code.slice(5));
    expect(lines).toEqual([plan.action, plan.effect, ...plan.details]);
    expect(consents.open()).toMatchObject([{ id, code, caller: "night-shift", triesLeft: 3, cluster: "prod" }]);
  });

  test.each([
    ["as it is", (code: string) => code],
    ["without dashes, in small letters", (code: string) => code.replaceAll("-", "").toLowerCase()],
    ["with spaces", (code: string) => ` ${code.replaceAll("-", " ")} `],
    ["without the question's id", (code: string) => code.slice(5)],
  ])("counts %s, once", (_, write) => {
    const consent = write(askCode());
    expect(consents.settle(asked, { ...blind, consent })).toMatchObject({ how: "code" });
    expect(thrown(() => consents.settle(asked, { ...blind, consent }))).toBeInstanceOf(NotExecuted);
  });

  test("stays the same when the call is repeated, and is announced once", () => {
    const code = askCode();
    expect(askCode()).toBe(code);
    expect(announced).toHaveLength(1);
  });

  test("of a target that changed counts no more; the answer says what changed, and asks anew", () => {
    const code = askCode();
    const text = waiting(() => consents.settle(changed, { ...blind, consent: code }));
    expect(text).toMatch(/^Consent \w{4} does not count: memory 512 -> 1024 since the plan\.\nNOT EXECUTED/);
    const next = consents.open().at(-1)?.code;
    expect(next).not.toBe(code);
    expect(consents.settle(changed, { ...blind, consent: next })).toMatchObject({ how: "code" });
  });

  test("says so when the call is repeated without a code after a change", () => {
    askCode();
    expect(waiting(() => consents.settle(changed, blind))).toMatch(
      /^Question \w{4} no longer counts: memory 512 -> 1024 since its plan\./,
    );
  });

  test("closes after three wrong ones: also the right one, also after a change, until it expires", () => {
    const code = askCode();
    for (const left of ["2 tries left", "1 try left"]) {
      const text = waiting(() => consents.settle(asked, { ...blind, consent: `${code.slice(0, 5)}AAAA-AAAA-AAAA` }));
      expect(text).toStartWith(`Wrong code for question ${code.slice(0, 4)}; ${left}.`);
    }
    const closed = [`${code.slice(0, 5)}AAAA-AAAA-AAAA`, code, undefined];
    for (const consent of closed) {
      expect(refused(() => consents.settle(asked, { ...blind, consent }))).toContain("3 wrong codes were sent");
    }
    expect(refused(() => consents.settle(changed, blind))).toContain("3 wrong codes were sent");
    expect(consents.open()[0]).toMatchObject({ code: undefined, triesLeft: 0 });
    now += 10 * 60_000 + 1;
    expect(askCode()).not.toBe(code);
  });

  test("tries that were used are not given back by a change of the target", () => {
    for (const guess of [undefined, "AAAA-AAAA-AAAA"]) {
      consents = make("`proxmox-mcp consents`");
      const code = askCode();
      waiting(() => consents.settle(asked, { ...blind, consent: `${code.slice(0, 5)}AAAA-AAAA-AAAA` }));
      waiting(() => consents.settle(changed, { ...blind, consent: guess && `${code.slice(0, 5)}${guess}` }));
      expect(consents.open().map(({ triesLeft }) => triesLeft)).toEqual([2]);
    }
  });

  test("of another question is told as that", () => {
    const code = askCode(other);
    expect(waiting(() => consents.settle(asked, { ...blind, consent: code }))).toContain(
      "it was asked for DELETE /nodes/pve1/qemu/105 on prod",
    );
    expect(consents.open()).toHaveLength(2);
  });

  test("of another caller is none, and nothing of its question is told", () => {
    const code = askCode();
    const stranger = { ...blind, caller: { name: "chat", id: "z" } };
    const theirs = { ...other, key: "theirs", plan: { ...plan, details: [] } };
    const text = waiting(() => consents.settle(theirs, { ...stranger, consent: code }));
    expect(text).toContain("it belongs to no question that this server asked");
    expect(text).not.toContain("/nodes/pve1/qemu/104");
  });

  test("is refused where no human could read it", () => {
    consents = make(undefined);
    expect(refused(() => consents.settle(asked, blind))).toContain("MCP_RUNTIME_DIR");
    expect(thrown(() => consents.settle(reversible, blind))).toBeInstanceOf(NotExecuted);
  });

  test("is not invented", () => {
    askCode();
    for (const consent of ["yes", "true", "web-01", "AAAA-AAAA", "AAAA-AAAA-AAAA", "x".repeat(2000), ""]) {
      expect(thrown(() => consents.settle(asked, { ...blind, consent }))).toBeInstanceOf(NotExecuted);
    }
  });
});

test("of 200 calls of one caller eight get a code; others are told which wait, and other callers still ask", () => {
  for (let i = 0; i < 200; i++) thrown(() => consents.settle({ ...asked, key: `request ${i}` }, blind));
  expect(announced).toHaveLength(8);
  const text = refused(() => consents.settle({ ...asked, key: "one more" }, blind));
  for (const { id } of announced) expect(text).toContain(id);
  expect(waiting(() => consents.settle(asked, { ...blind, caller: { name: "chat", id: "z" } }))).toContain("question");
  now += 10 * 60_000 + 1;
  expect(waiting(() => consents.settle({ ...asked, key: "one more" }, blind))).toContain("question");
});

test("forms and two-step values are kept in bounds: the oldest of a caller is forgotten first", () => {
  const first = askForm();
  const states = Array.from({ length: 64 }, (_, i) => askForm({ ...asked, key: `request ${i}` }));
  expect(refused(() => consents.settle(asked, answer(first)))).toContain("does not know its question");
  const last = { ...asked, key: "request 63" };
  expect(consents.settle(last, answer(states.at(-1) ?? ""))).toMatchObject({ how: "human" });
});

test("what one caller asks displaces no question of another, however much it asks", () => {
  const began = now;
  const code = askCode(other, { ...blind, caller: { name: "chat", id: "z" } });
  for (let i = 0; i < 600; i++) {
    const what = { ...asked, key: `request ${i}`, meaning: `${i}`, target: `${i}` };
    refused(() => consents.settle(what, answer(askForm(what), { confirm: "wrong" })));
  }
  // The humans of those questions needed ten minutes in all; that of this one needs less.
  now = began;
  const chat = { ...blind, caller: { name: "chat", id: "z" }, consent: code };
  expect(consents.settle(other, chat)).toMatchObject({ how: "code" });
});

describe("two steps", () => {
  test("pass with the value of the answer, once, and with no other", () => {
    const consent = valueIn(waiting(() => consents.settle(reversible, blind)));
    expect(waiting(() => consents.settle(reversible, blind))).toContain(consent);
    expect(consents.settle(reversible, { ...blind, consent })).toMatchObject({ how: "two-step" });
    expect(waiting(() => consents.settle(reversible, { ...blind, consent }))).toStartWith("Consent");
  });

  test("are never enough where a code is required", () => {
    const consent = valueIn(waiting(() => consents.settle(reversible, blind)));
    expect(waiting(() => consents.settle(asked, { ...blind, consent }))).not.toContain('consent: "');
    expect(announced).toHaveLength(1);
  });

  test("expire", () => {
    const consent = valueIn(waiting(() => consents.settle(reversible, blind)));
    now += 10 * 60_000 + 1;
    expect(waiting(() => consents.settle(reversible, { ...blind, consent }))).toContain("more than ten minutes after");
  });
});

test('consent_fallback "deny" refuses what no human answered, with the plan', () => {
  const deny = { ...asked, fallback: "deny" as const, setting: 'consent_fallback "deny"' };
  for (const call of [blind, answer(askForm(deny), { action: "cancel" })]) {
    const text = refused(() => consents.settle(deny, call));
    expect(text).toContain('consent_fallback "deny" refuses it');
    expect(text).toContain(plan.effect);
  }
  expect(announced).toEqual([]);
});

describe("without an injected clock", () => {
  const real = () => new Consents({ how: "x", announce: () => undefined });

  function stateOf(from: Consents): string {
    const error = thrown(() => from.settle(asked, form));
    return error instanceof ConsentNeeded ? error.state : "";
  }

  test("a system clock that is set back neither ends nor revives a consent", () => {
    const from = real();
    const wall = Date.now;
    try {
      const state = stateOf(from);
      Date.now = () => wall() - 3_600_000;
      expect(from.settle(asked, answer(state))).toMatchObject({ how: "human" });
      Date.now = () => wall() - 7_200_000;
      expect(refused(() => from.settle(asked, answer(state)))).toContain("used already");
    } finally {
      Date.now = wall;
    }
  });

  test("a machine that slept for an hour takes no consent from before", () => {
    const from = real();
    const wall = Date.now;
    try {
      const state = stateOf(from);
      Date.now = () => wall() + 3_600_000;
      expect(refused(() => from.settle(asked, answer(state)))).toMatch(
        /does not know its question|more than ten minutes/,
      );
      Date.now = wall;
      expect(() => from.settle(asked, answer(state))).toThrow();
    } finally {
      Date.now = wall;
    }
  });
});

describe("a token secret that is replaced", () => {
  test("ends the open questions of its cluster, however they are answered, and those of no other", () => {
    const state = askForm();
    const code = askCode(other);
    consents.endAfterRotation("lab");
    expect(consents.open()).toHaveLength(2);
    consents.endAfterRotation("prod");
    expect(consents.open()).toEqual([]);
    const why = "the token secret of its cluster was replaced since";
    expect(refused(() => consents.settle(asked, answer(state)))).toContain(why);
    expect(waiting(() => consents.settle(other, { ...blind, consent: code }))).toContain(why);
  });
});
