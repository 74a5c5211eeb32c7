import { expect, test } from "bun:test";
import { httpClient, type McpClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { startProduct } from "../support/product.ts";
import { replyData, startRawServer } from "../support/raw-server.ts";

const credentials = { user: "mcp@pve", token_id: "agent", token_secret: "s" };

/** Asks until the answer has the text, for as long as a file is looked at plus some. */
async function eventually(client: McpClient, wanted: string): Promise<string> {
  let text = "";
  for (let i = 0; i < 60 && !text.includes(wanted); i++) {
    ({ text } = await client.call("list_clusters"));
    if (!text.includes(wanted)) await Bun.sleep(100);
  }
  return text;
}

test("a changed clusters.json is read again; a bad one is reported, and the old one stays; SIGHUP reads at once", async () => {
  await using proxmox = await startRawServer(replyData([]));
  const cluster = { url: proxmox.url, ...credentials };
  await using file = await configFile({ clusters: { first: cluster } });
  await using product = await startProduct(["--config", file.path]);
  await using client = await httpClient(product);
  expect((await client.call("list_clusters")).text).toContain("first");

  await file.write({ clusters: { first: cluster, second: cluster } });
  expect(await eventually(client, "second")).toContain("first");

  await file.write('{"clusters": {"third": {');
  process.kill(product.pid, "SIGHUP");
  while (!product.stderr().includes("the old one stays")) await Bun.sleep(50);
  expect((await client.call("list_clusters")).text).toContain("second");

  await file.write({ clusters: { third: cluster } });
  process.kill(product.pid, "SIGHUP");
  expect(await eventually(client, "third")).not.toContain("second");
}, 20_000);
