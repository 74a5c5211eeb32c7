import { type Programs, start, twoClusters } from "../programs.ts";
import type { Sample } from "../sample.ts";

/** The result of tools/list with two clusters, in bytes: what every conversation carries from its first turn on. */
export async function toolsListBytes({ ours, folder }: Programs): Promise<Sample[]> {
  await using our = await start(ours, await twoClusters(folder));
  const response = await fetch(`${our.url}/mcp`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
  const data = (await response.text()).replace(/^(event: .*|data: )/gm, "");
  const { result } = JSON.parse(data) as { result: unknown };
  return [{ ours: Buffer.byteLength(JSON.stringify(result)) }];
}
