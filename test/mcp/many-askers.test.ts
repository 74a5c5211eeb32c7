import { expect, test } from "bun:test";
import { httpClient, type McpClient, modernClient, sseClient } from "../support/clients.ts";
import { startFleet } from "../support/fleet.ts";

/** A delay as of a busy network, so that the questions are under way together. */
const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
  await Bun.sleep(50);
  return await answer(request);
};

test("50 clients that ask for the resources at once cost each cluster at most 2 requests", async () => {
  await using fleet = await startFleet({ around });
  const kinds = [httpClient, sseClient, modernClient];
  const clients: McpClient[] = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => await (kinds[index % 3] ?? httpClient)(fleet.product)),
  );
  const asked = ({ requests }: typeof fleet.alpha) => requests.filter(({ path }) => path.endsWith("/resources")).length;
  expect([asked(fleet.alpha), asked(fleet.beta)]).toEqual([0, 0]);
  const answers = await Promise.all(clients.map((client) => client.call("get_cluster_resources")));
  for (const { isError, text } of answers) {
    expect(isError).toBe(false);
    expect(text).toContain("web-01");
  }
  for (const server of [fleet.alpha, fleet.beta]) {
    expect(asked(server)).toBeGreaterThanOrEqual(1);
    expect(asked(server)).toBeLessThanOrEqual(2);
  }
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}, 30_000);
