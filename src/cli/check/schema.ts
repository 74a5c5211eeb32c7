import type { ClusterConfig } from "../../config/types.ts";
import { inspectPage, type ProbedPage, type Seen } from "../../proxmox/transport/probe.ts";
import type { Redactor } from "../../redact/redactor.ts";
import type { CheckResult } from "./finding.ts";

/** Where a node describes its API; served to anybody. */
const path = "/pve-docs/api-viewer/apidoc.js";

/** Whether an endpoint serves the description of its API. Without it calls work, but nothing checks them beforehand. */
export async function schemaFound(
  { tls, proxies }: ClusterConfig,
  endpoint: string,
  fetch: ((request: Request) => Promise<Response>) | undefined,
  redactor: Redactor,
): Promise<CheckResult> {
  const check = "schema";
  const page: Seen<ProbedPage> =
    fetch === undefined
      ? await inspectPage(endpoint, tls, path, { proxy: proxies?.[endpoint], redactor })
      : { seen: await fetched(fetch, `${endpoint}${path}`) };
  if (page.seen?.status === 200 && page.seen.text.includes("apiSchema")) {
    return { check, verdict: "ok", text: "the API's description is served" };
  }
  const why =
    page.problem?.what ?? `${endpoint}${path} answered ${page.seen?.status}, and not with the API's description`;
  const next =
    "Reinstall pve-docs on the node (`apt install --reinstall pve-docs`), or let the proxy in front pass /pve-docs on.";
  return { check, verdict: "warn", text: why, next };
}

async function fetched(fetch: (request: Request) => Promise<Response>, url: string): Promise<ProbedPage> {
  const response = await fetch(new Request(url));
  return { status: response.status, text: await response.text() };
}
