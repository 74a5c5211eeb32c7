import { expect, test } from "bun:test";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { Endpoint } from "../../../src/proxmox/transport/endpoint.ts";
import { EndpointOrder } from "../../../src/proxmox/transport/failover/failover.ts";
import { Redactor } from "../../../src/redact/redactor.ts";
import {
  closedPort,
  type RawRequest,
  type RawServer,
  reply,
  replyData,
  startRawServer,
} from "../../support/raw-server.ts";
import { clusterAt, failureOf } from "../clusters.ts";

const pve2 = { method: "GET", path: ["nodes", "pve2", "status"] } as const;
const isStatus = ({ target }: RawRequest) => target === "/api2/json/cluster/status";

/** A node of a cluster of three; what lies behind `/nodes/{another}` it cannot reach. */
async function startNode(
  name: string,
  { failure = 595, status = true, own = replyData(`${name} itself`) } = {},
): Promise<RawServer> {
  const rows = ["pve1", "pve2", "pve3"].map((other, index) => {
    return { type: "node", name: other, local: other === name ? 1 : 0, ip: `192.0.2.${index + 1}` };
  });
  return await startRawServer((socket, request) => {
    if (isStatus(request)) {
      const refused = reply(403, "Permission check failed (/, Sys.Audit)", "");
      (status ? replyData([{ type: "cluster", name: "prod" }, ...rows]) : refused)(socket, request);
    } else if (request.target.startsWith(`/api2/json/nodes/${name}/`)) own(socket, request);
    else reply(failure, "No route to host", "")(socket, request);
  });
}

const heads = ({ requests }: RawServer) => requests.map(({ method, target }) => `${method} ${target.slice(10)}`);

test.each([595, 596, 597])("a read that meets %d goes to the node's own endpoint, and says so", async (failure) => {
  await using one = await startNode("pve1", { failure });
  await using two = await startNode("pve2");
  await using three = await startNode("pve3", { failure });
  const client = new ProxmoxClient(clusterAt([one.url, three.url, two.url]));
  const answer = await client.request(pve2);
  expect(answer).toMatchObject({
    data: "pve2 itself",
    endpoint: two.url,
    detour: "pve1 did not reach pve2, which was then asked itself",
  });
  expect(heads(three)).toEqual(["GET /cluster/status"]);
  // From now on it is known which endpoint is which.
  await client.request({ ...pve2, params: { a: 1 } });
  expect(heads(two)).toEqual(["GET /cluster/status", "GET /nodes/pve2/status", "GET /nodes/pve2/status?a=1"]);
});

test("endpoints are told apart by the addresses of any answer of /cluster/status, too", async () => {
  const seen: string[] = [];
  const rows = [
    { type: "node", name: "pve1", local: 1 },
    { type: "node", name: "pve2", local: 0, ip: "192.0.2.2" },
  ];
  const client = new ProxmoxClient(clusterAt(["https://192.0.2.1:8006", "https://192.0.2.2:8006"]), {
    fetch: async ({ url }) => {
      seen.push(url);
      if (url.endsWith("/cluster/status")) return Response.json({ data: rows });
      return url.includes("192.0.2.1") ? new Response(null, { status: 595 }) : Response.json({ data: "itself" });
    },
  });
  await client.request({ method: "GET", path: ["cluster", "status"] });
  expect((await client.request(pve2)).data).toBe("itself");
  expect(seen.filter((url) => url.endsWith("/cluster/status"))).toHaveLength(1);
});

test("endpoints are told apart by their hosts' names where the token may not see the cluster's state", async () => {
  const client = new ProxmoxClient(clusterAt(["https://pve1.example.com:8006", "https://pve2.example.com:8006"]), {
    fetch: async ({ url }) => {
      if (url.endsWith("/cluster/status")) return new Response(null, { status: 403 });
      return url.includes("pve1") ? new Response(null, { status: 595 }) : Response.json({ data: "itself" });
    },
  });
  expect((await client.request(pve2)).data).toBe("itself");
});

test("a node that no endpoint is known to be keeps the first answer, and is not looked for again and again", async () => {
  await using one = await startNode("pve1", { status: false });
  await using three = await startNode("pve3", { status: false });
  const client = new ProxmoxClient(clusterAt([one.url, three.url]));
  for (let round = 0; round < 2; round += 1) {
    expect(await failureOf(client, pve2)).toMatchObject({ kind: "node-offline", status: 595, sent: "answered" });
  }
  expect(heads(one).filter((head) => head === "GET /cluster/status")).toHaveLength(1);
  expect(heads(three)).toEqual(["GET /cluster/status"]);
});

test("a node whose own endpoint is silent or gone keeps the first answer, and is left alone for a while", async () => {
  await using one = await startNode("pve1");
  await using two = await startNode("pve2", { own: (socket) => socket.destroy() });
  const client = new ProxmoxClient(clusterAt([one.url, two.url]));
  for (let round = 0; round < 3; round += 1) {
    expect(await failureOf(client, pve2)).toMatchObject({ kind: "node-offline", endpoint: one.url });
  }
  // The runtime repeats a read whose used connection was closed.
  expect(heads(two).filter((head) => head === "GET /nodes/pve2/status").length).toBeLessThanOrEqual(2);
});

test("what the node itself says against a read is the answer", async () => {
  await using one = await startNode("pve1");
  await using two = await startNode("pve2", {
    own: reply(403, "Permission check failed (/nodes/pve2, Sys.Audit)", ""),
  });
  const client = new ProxmoxClient(clusterAt([one.url, two.url]));
  expect(await failureOf(client, pve2)).toMatchObject({ kind: "privilege", endpoint: two.url });
});

test("a write that meets 595 or 596 goes nowhere else", async () => {
  for (const failure of [595, 596]) {
    for (const method of ["POST", "PUT", "DELETE"] as const) {
      await using one = await startNode("pve1", { failure });
      await using two = await startNode("pve2");
      const client = new ProxmoxClient(clusterAt([one.url, two.url]));
      await client.request({ method: "GET", path: ["cluster", "status"] });
      expect((await failureOf(client, { ...pve2, method })).status).toBe(failure);
      expect(two.requests).toHaveLength(0);
    }
  }
});

test("the node's own endpoint is the second to be asked where the first is slow", async () => {
  const asked: string[] = [];
  const hosts = ["https://pve1:8006", "https://pve3:8006", "https://pve2:8006"];
  const client = new ProxmoxClient(clusterAt(hosts), {
    patienceMs: 20,
    fetch: async ({ url }) => {
      asked.push(new URL(url).hostname);
      return url.includes("pve1") ? await new Promise(() => undefined) : Response.json({ data: "itself" });
    },
  });
  expect(await client.request(pve2)).toMatchObject({
    data: "itself",
    detour: "pve1:8006 did not answer, pve2:8006 did",
  });
  expect(asked).toEqual(["pve1", "pve2"]);
});

test("an answer says when another endpoint than the first gave it, for reads and writes", async () => {
  await using second = await startRawServer(replyData("second"));
  const dead = `http://127.0.0.1:${await closedPort()}`;
  for (const method of ["GET", "PUT"] as const) {
    const client = new ProxmoxClient(clusterAt([dead, second.url]));
    const request = { method, path: ["x"] };
    const detour = `${new URL(dead).host} did not answer, ${new URL(second.url).host} did`;
    expect(await client.request(request)).toMatchObject({ data: "second", detour });
    expect(await client.request(request)).not.toHaveProperty("detour");
  }
});

test("an endpoint that kept silent for a write's whole time is asked last by the next request", async () => {
  await using silent = await startRawServer(() => undefined);
  await using second = await startRawServer(replyData("second"));
  const client = new ProxmoxClient(clusterAt([silent.url, second.url], { mode: "off" }, 100));
  expect((await failureOf(client, { method: "POST", path: ["x"] })).kind).toBe("timeout");
  expect((await client.request({ method: "POST", path: ["x"] })).data).toBe("second");
  expect(silent.requests).toHaveLength(1);
});

test("an endpoint that failed is asked last for three quarters of the time at least, by chance a little longer", async () => {
  const cluster = clusterAt(["https://pve1:8006"]);
  const options = {
    fetch: undefined,
    maxAnswerBytes: 1,
    slots: { total: 1, perRequester: 1 },
    connectMs: 1,
    redactor: new Redactor(),
  };
  const began = performance.now();
  const lasted = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const endpoint = new Endpoint("https://pve1:8006", cluster, options);
      const order = new EndpointOrder([endpoint], 200);
      order.failed(endpoint);
      while (order.isDead(endpoint)) await Bun.sleep(2);
      return performance.now() - began;
    }),
  );
  expect(Math.min(...lasted)).toBeGreaterThanOrEqual(150);
  expect(Math.max(...lasted) - Math.min(...lasted)).toBeGreaterThan(5);
});
