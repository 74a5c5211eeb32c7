import { expect, test } from "bun:test";
import { createDemo, type DemoCluster } from "../../../src/simulator/index.ts";
import { httpClient, modernClient, sseClient } from "../../support/clients.ts";
import { configFile } from "../../support/config-file.ts";
import { serveDemo } from "../../support/demo-server.ts";
import { until } from "../../support/listening.ts";
import { startProduct } from "../../support/product.ts";

const tokens = { chat: "the-token-of-the-chat-0001", ops: "the-token-of-the-ops-00002" };
const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const bearer = (name: keyof typeof tokens) => ({ authorization: `Bearer ${tokens[name]}` });

/** The product over a demo cluster on a socket that answers no read of `/nodes/{node}/rrddata` before it is released. */
async function startSlow() {
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 1 }).clusters as readonly [DemoCluster];
  const released = Promise.withResolvers<void>();
  let held = 0;
  const demo = await serveDemo({
    ...alpha,
    fetch: async (request, node) => {
      if (new URL(request.url).pathname.endsWith("/rrddata")) {
        held += 1;
        await released.promise;
      }
      return await alpha.fetch(request, node);
    },
  });
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const entry = { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret, access: "full" };
  const config = await configFile({
    clusters: { alpha: entry },
    callers: {
      chat: { token_sha256: sha256(tokens.chat), access: "read-only" },
      ops: { token_sha256: sha256(tokens.ops) },
    },
  });
  const product = await startProduct(["--config", config.path]);
  return {
    url: product.url,
    held: () => held,
    release: released.resolve,
    async [Symbol.asyncDispose]() {
      released.resolve();
      await product.stop();
      await demo.stop();
      await config[Symbol.asyncDispose]();
    },
  };
}

test.each([
  ["2026-07-28 over HTTP", modernClient],
  ["2025 over HTTP", httpClient],
  ["2025 over SSE", sseClient],
] as const)(
  "%s: a caller whose reads are slow delays neither another caller's reads nor its writes",
  async (_, connect) => {
    await using slow = await startSlow();
    await using chat = await connect({ url: slow.url, headers: bearer("chat") });
    await using ops = await connect({ url: slow.url, headers: bearer("ops") });
    // Equal reads of one caller are one request, so no two of these are equal.
    const requests = ["hour", "day", "week", "month", "year"].flatMap((timeframe) =>
      ["pve1", "pve2"].flatMap((node) =>
        ["AVERAGE", "MAX"].map((cf) => ({ path: `/nodes/${node}/rrddata`, data: { timeframe, cf } })),
      ),
    );
    const reading = chat.call("proxmox_api_read", { requests });
    await until(() => slow.held() === 20, 10_000);
    const put = { method: "PUT", path: "/nodes/pve1/qemu/104/config", data: { description: "meanwhile" } };
    expect(await ops.call("proxmox_api_call", put, { timeout: 5_000 })).toMatchObject({ isError: false });
    expect(await ops.call("proxmox_api_call", { path: "/nodes/pve1/status" }, { timeout: 5_000 })).toMatchObject({
      isError: false,
    });
    slow.release();
    expect((await reading).text).toStartWith("20 of 20 answered.");
  },
);
