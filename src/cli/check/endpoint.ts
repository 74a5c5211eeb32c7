import type { ClusterConfig } from "../../config/types.ts";
import { ProxmoxClient } from "../../proxmox/client.ts";
import { inspectCertificates } from "../../proxmox/transport/probe.ts";
import type { Redactor } from "../../redact/redactor.ts";
import { askApi } from "./api.ts";
import { certificateFound, certificateRefused } from "./certificate.ts";
import { type CheckResult, type CheckSubject, type EndpointReport, passes } from "./finding.ts";
import { schemaFound } from "./schema.ts";

/** How long one request may take, in milliseconds: more than the 3 s after which a token is refused. */
const requestMs = 10_000;

/** The way into a cluster of the demo, inside this process. */
type InProcess = ((request: Request) => Promise<Response>) | undefined;

/**
 * Looks at one endpoint of a cluster alone, so that another that works cannot hide it: first at its certificate, without
 * sending anything, and only if that is accepted at the API.
 */
export async function checkEndpoint(
  cluster: ClusterConfig,
  endpoint: string,
  { fetch, redactor }: { readonly fetch: InProcess; readonly redactor: Redactor },
): Promise<EndpointReport> {
  const look = fetch === undefined ? () => checkDoor(cluster, endpoint, redactor) : async () => inProcess;
  const door = await attempt("reach", look);
  const inside = passes(door) ? await attempt("version", () => checkInside(cluster, endpoint, fetch, redactor)) : [];
  const checks = [...door, ...inside];
  return { endpoint, ok: passes(checks), checks };
}

/** A fault of this program's at one endpoint must not lose what was found at the others. */
async function attempt(
  check: CheckSubject,
  look: () => Promise<readonly CheckResult[]>,
): Promise<readonly CheckResult[]> {
  try {
    return await look();
  } catch (error) {
    return [{ check, verdict: "fail", text: `could not be looked at, by a fault of proxmox-mcp itself: ${error}` }];
  }
}

const inProcess: readonly CheckResult[] = [
  { check: "reach", verdict: "ok", text: "the demo, inside this process" },
  { check: "certificate", verdict: "ok", text: "none: nothing goes over a network" },
];

async function checkDoor(
  { tls, proxies }: ClusterConfig,
  endpoint: string,
  redactor: Redactor,
): Promise<CheckResult[]> {
  const { seen, problem } = await inspectCertificates(endpoint, tls, { proxy: proxies?.[endpoint], redactor });
  const reached: CheckResult = { check: "reach", verdict: "ok", text: "connected" };
  if (problem === undefined) return [reached, certificateFound(tls, seen[0])];
  if (problem.kind === "tls") return [reached, certificateRefused(tls, problem)];
  const { what, hint, kind } = problem;
  return [{ check: "reach", verdict: "fail", text: what, ...(hint !== undefined && { next: hint }), facts: { kind } }];
}

async function checkInside(
  cluster: ClusterConfig,
  endpoint: string,
  fetch: InProcess,
  redactor: Redactor,
): Promise<CheckResult[]> {
  const alone = { ...cluster, endpoints: [endpoint], timeoutMs: requestMs };
  const client = new ProxmoxClient(alone, { redactor, ...(fetch !== undefined && { fetch }) });
  try {
    const [api, schema] = await Promise.all([
      askApi(client, endpoint, cluster),
      schemaFound(cluster, endpoint, fetch, redactor),
    ]);
    // What is not Proxmox has no schema either, and that would say nothing new.
    return api.some(({ check, verdict }) => check === "version" && verdict === "fail") ? api : [...api, schema];
  } finally {
    client.close();
  }
}
