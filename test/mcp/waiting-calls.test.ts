import { expect, test } from "bun:test";
import { type HumanAnswer, httpClient, sseClient } from "../support/clients.ts";
import { heldCluster } from "../support/held-cluster.ts";
import { until } from "../support/listening.ts";
import { startProduct } from "../support/product.ts";

const tokens = { ann: "the-token-of-ann-000000001", bob: "the-token-of-bob-000000002" };
const callerOf = (token: string) => ({ token_sha256: new Bun.CryptoHasher("sha256").update(token).digest("hex") });

test("64 calls of one caller wait for a human at most; one more is refused, and those of others are asked about", async () => {
  await using cluster = await heldCluster();
  const alpha = { ...cluster.entry, access: "guarded" };
  const callers = { ann: { ...callerOf(tokens.ann), parallel_calls: 100 }, bob: callerOf(tokens.bob) };
  await cluster.config.write({ clusters: { alpha }, callers });
  await using product = await startProduct(["--config", cluster.config.path]);
  const open: ((answer: HumanAnswer) => void)[] = [];
  const human = () => new Promise<HumanAnswer>((answer) => open.push(answer));
  const target = (token: string) => ({ url: product.url, headers: { authorization: `Bearer ${token}` }, human });
  await using ann = await httpClient(target(tokens.ann));
  await using bob = await sseClient(target(tokens.bob));
  const args = { method: "DELETE", path: "/nodes/pve1/qemu/104" };
  const waiting = Array.from({ length: 64 }, async () => await ann.call("proxmox_api_call", args));
  await until(() => open.length === 64, 20_000);
  const refused = await ann.call("proxmox_api_call", args);
  expect(refused).toEqual({
    text: "proxmox_api_call: not executed. 64 calls of ann already wait for a human's answer; call again when one has been answered.",
    isError: true,
  });
  expect((await ann.call("list_clusters")).isError).toBe(false);
  const other = bob.call("proxmox_api_call", args);
  await until(() => open.length === 65, 20_000);
  for (const answer of open.splice(0, 1)) answer({ action: "decline" });
  await Promise.race(waiting);
  const stop = { method: "POST", path: "/nodes/pve1/qemu/102/status/stop" };
  const again = ann.call("proxmox_api_call", stop);
  await until(() => open.length === 65, 20_000);
  for (const answer of open) answer({ action: "cancel" });
  for (const { text } of await Promise.all([...waiting, other, again]))
    expect(text).toMatch(/was not sent|NOT EXECUTED/);
  expect(cluster.held()).toBe(0);
}, 60_000);
