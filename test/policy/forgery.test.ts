import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { until } from "../support/listening.ts";
import { startProduct } from "../support/product.ts";
import { accepted, type RawResult, rawCall, type Stage, setStage } from "./stage.ts";

const tokens = { one: "a-long-enough-token-of-one", two: "a-long-enough-token-of-two" };

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

let stage: Stage;
let vmid: string;
let path: string;

beforeAll(async () => {
  const callers = Object.fromEntries(
    Object.entries(tokens).map(([name, token]) => [name, { token_sha256: sha256(token) }]),
  );
  stage = await setStage({ top: { callers } });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

beforeEach(async () => {
  vmid = await stage.makeGuest("target");
  path = `/nodes/pve1/qemu/${vmid}`;
});

function call(
  args: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
  token = tokens.one,
  url?: string,
) {
  const headers = { authorization: `Bearer ${token}` };
  return rawCall(url ?? stage.product.url, "proxmox_api_call", { method: "DELETE", path, ...args }, more, headers);
}

async function ask(args: Record<string, unknown> = {}): Promise<string> {
  const { resultType, requestState = "" } = await call(args);
  expect({ resultType, isState: requestState.length > 20 }).toEqual({ resultType: "input_required", isState: true });
  return requestState;
}

function textOf({ content }: RawResult): string {
  return content?.[0]?.text ?? "";
}

/** Lets the product run with other keys of the top level for a while. */
async function withConfig(keys: Record<string, unknown>, run: () => Promise<void>) {
  const before: unknown = await Bun.file(stage.config.path).json();
  const reloads = () => stage.product.stderr().split("now with alpha").length;
  const write = async (content: unknown) => {
    const seen = reloads();
    await stage.config.write(content);
    await until(() => reloads() > seen, 8000);
  };
  await write({ ...(before as object), ...keys });
  try {
    await run();
  } finally {
    await write(before);
  }
}

/** It was refused in words, and the guest is as it was. */
async function nothingHappened(result: RawResult, ...words: string[]) {
  expect({ isError: result.isError, text: textOf(result) }).toMatchObject({ isError: true });
  for (const word of words) expect(textOf(result)).toContain(word);
  expect(await stage.exists(vmid)).toBe(true);
}

test("an answer with the state that went out with its question passes: else nothing below proves anything", async () => {
  const requestState = await ask();
  const result = await call({}, { requestState, inputResponses: accepted("target") });
  expect(textOf(result)).toContain("UPID:pve1:");
  expect(await stage.exists(vmid)).toBe(false);
});

test("an answer that nobody asked for, without a state, is only a question again", async () => {
  const { resultType } = await call({}, { inputResponses: accepted("target") });
  expect(resultType).toBe("input_required");
  expect(await stage.exists(vmid)).toBe(true);
});

test.each([
  ["made up", "x".repeat(60)],
  ["of the right form", `${Buffer.from('{"t":9999999999999,"n":"x"}').toString("base64url")}.${"A".repeat(43)}`],
  ["empty", ""],
])("a state that is %s opens nothing", async (_, requestState) => {
  await nothingHappened(
    await call({}, { requestState, inputResponses: accepted("target") }),
    "does not know its question",
  );
});

test("a state is good once", async () => {
  const requestState = await ask();
  const inputResponses = accepted("wrong");
  await nothingHappened(await call({}, { requestState, inputResponses }), "what was typed is not");
  await nothingHappened(await call({}, { requestState, inputResponses: accepted("target") }), "it was used already");
});

test("a replayed consent does not destroy the guest that was made anew under the same VMID", async () => {
  const requestState = await ask();
  const inputResponses = accepted("target");
  await stage.admin("DELETE", path);
  await Bun.sleep(50);
  await stage.admin("POST", "/nodes/pve1/qemu", { vmid, name: "target", scsi0: "vmdata:1,format=qcow2" });
  await Bun.sleep(50);
  await nothingHappened(await call({}, { requestState, inputResponses }), "since the plan");
});

describe("consent to one thing is none to another:", () => {
  test("other parameters", async () => {
    const requestState = await ask();
    const result = await call({ data: { purge: true } }, { requestState, inputResponses: accepted("target") });
    await nothingHappened(result, "does not count: it was asked for");
  });

  test("another method, another path", async () => {
    const requestState = await ask({ method: "PUT", path: `${path}/config`, data: { delete: ["scsi0"] } });
    await nothingHappened(
      await call({}, { requestState, inputResponses: accepted("target") }),
      "does not count: it was asked for",
    );
  });

  test("another caller", async () => {
    const requestState = await ask();
    const result = await call({}, { requestState, inputResponses: accepted("target") }, tokens.two);
    await nothingHappened(result, "does not know its question");
  });

  test("a configuration that changed in between", async () => {
    const requestState = await ask();
    await stage.admin("PUT", `${path}/config`, { description: "do not delete: the last copy" });
    await nothingHappened(await call({}, { requestState, inputResponses: accepted("target") }), "description");
  });

  test("a snapshot that was taken in between", async () => {
    const requestState = await ask();
    await stage.admin("POST", `${path}/snapshot`, { snapname: "precious" });
    await Bun.sleep(50);
    await nothingHappened(await call({}, { requestState, inputResponses: accepted("target") }), "snapshot");
  });

  test("a two-step value, in place of a state, and a state in place of a two-step value", async () => {
    const requestState = await ask();
    // A client that can ask is asked, whatever it brings.
    expect((await call({ consent: requestState })).resultType).toBe("input_required");
    expect(await stage.exists(vmid)).toBe(true);
  });
});

test("consent from before a restart is none, though the key is the same", async () => {
  const requestState = await ask();
  await using after = await startProduct(["--config", stage.config.path]);
  const result = await call({}, { requestState, inputResponses: accepted("target") }, tokens.one, after.url);
  await nothingHappened(result, "does not know its question");
});

test("another cluster under the same name, after a reload, is another cluster", async () => {
  await using other = await setStage();
  await other.admin("POST", "/nodes/pve1/qemu", { vmid, name: "target", scsi0: "vmdata:1,format=qcow2" });
  const requestState = await ask();
  await withConfig({ clusters: { alpha: other.cluster } }, async () => {
    const result = await call({}, { requestState, inputResponses: accepted("target") });
    await nothingHappened(result, "does not count: it was asked for");
    expect(await other.exists(vmid)).toBe(true);
  });
});

test("consent to one cluster is none to another, though the guest is called the same there", async () => {
  await using other = await setStage();
  await other.admin("POST", "/nodes/pve1/qemu", { vmid, name: "target", scsi0: "vmdata:1,format=qcow2" });
  await withConfig({ clusters: { alpha: stage.cluster, second: other.cluster } }, async () => {
    const requestState = await ask({ cluster: "alpha" });
    const result = await call({ cluster: "second" }, { requestState, inputResponses: accepted("target") });
    await nothingHappened(result, "does not count: it was asked for");
    expect(await other.exists(vmid)).toBe(true);
  });
});

test("a level that was lowered while the human thought holds", async () => {
  const requestState = await ask();
  await withConfig({ clusters: { alpha: { ...stage.cluster, access: "read-only" } } }, async () => {
    await nothingHappened(await call({}, { requestState, inputResponses: accepted("target") }), 'access "read-only"');
  });
});

test("a caller whose entry was taken away while its human thought is nobody any more", async () => {
  const requestState = await ask();
  await withConfig({ callers: { two: { token_sha256: sha256(tokens.two) } } }, async () => {
    const result = await call({}, { requestState, inputResponses: accepted("target") });
    await nothingHappened(result, "Invalid bearer token");
  });
});
