import { z } from "zod";
import type { ClusterConfig } from "../../config/types.ts";
import type { ProxmoxAnswer } from "../../proxmox/answers/answer.ts";
import type { ProxmoxClient } from "../../proxmox/client.ts";
import { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import type { CheckResult, CheckSubject, CheckVerdict } from "./finding.ts";
import { permissionsForm, privilegesFound } from "./privileges.ts";

/** From here on a clock is wrong: tasks are looked up, and tokens and certificates end, by the node's clock. */
const clockMs = 30_000;

const versionForm = z.object({ version: z.string() });
const statusForm = z.array(z.object({ type: z.string(), name: z.string(), quorate: z.unknown().optional() }));
const nodesForm = z.array(z.object({ node: z.string(), status: z.string().optional() }));

/** Asks an endpoint's API, with the token, how its cluster is. A token that is refused (after 3 s) is sent once. */
export async function askApi(
  client: ProxmoxClient,
  endpoint: string,
  { user, tokenId }: ClusterConfig,
): Promise<CheckResult[]> {
  const token = `${user}!${tokenId}`;
  const answer = await ask(client, ["version"]);
  if (answer instanceof ProxmoxError) {
    return [errorFound(answer.kind === "token-refused" ? "token" : "version", "fail", answer)];
  }
  const version = judged(answer.data, versionForm, versionFound, strange("version", endpoint, "/version"));
  if (version.verdict === "fail") return [version];
  const [status, nodes, permissions] = await Promise.all([
    ask(client, ["cluster", "status"]),
    ask(client, ["nodes"]),
    ask(client, ["access", "permissions"]),
  ]);
  const privileges = found(
    permissions,
    permissionsForm,
    (held) => privilegesFound(held, user, token),
    strange("privileges", endpoint, "/access/permissions"),
  );
  const { next, ...quorum } = found(status, statusForm, quorumFound, strange("quorum", endpoint, "/cluster/status"));
  return [
    { check: "token", verdict: "ok", text: `${token} works` },
    version,
    ...clockFound(answer.date),
    // A token without any privilege gets the advice once.
    privileges.verdict === "fail" || next === undefined ? quorum : { ...quorum, next },
    found(nodes, nodesForm, nodesFound, strange("nodes", endpoint, "/nodes")),
    privileges,
  ];
}

async function ask(client: ProxmoxClient, path: readonly string[]): Promise<ProxmoxAnswer | ProxmoxError> {
  try {
    return await client.request({ method: "GET", path });
  } catch (error) {
    if (error instanceof ProxmoxError) return error;
    throw error;
  }
}

/** What the token may not see is not broken; anything else that keeps an answer away is. */
function found<T>(
  answer: ProxmoxAnswer | ProxmoxError,
  form: z.ZodType<T>,
  judge: (data: T) => CheckResult,
  otherwise: CheckResult,
): CheckResult {
  if (!(answer instanceof ProxmoxError)) return judged(answer.data, form, judge, otherwise);
  return errorFound(otherwise.check, answer.kind === "privilege" ? "warn" : "fail", answer);
}

function judged<T>(
  data: unknown,
  form: z.ZodType<T>,
  judge: (data: T) => CheckResult,
  otherwise: CheckResult,
): CheckResult {
  const { success, data: known } = form.safeParse(data);
  return success ? judge(known) : otherwise;
}

/** What to say where an answer is JSON but not of Proxmox's making. */
function strange(check: CheckSubject, endpoint: string, path: string): CheckResult {
  return {
    check,
    verdict: "fail",
    text: `${endpoint} is not answering as Proxmox VE: what GET ${path} gives has another form`,
    next: 'Let "url" name a Proxmox node itself (https://node:8006), or make the proxy in front pass /api2/json on unchanged.',
    facts: { kind: "not-proxmox" },
  };
}

function errorFound(check: CheckSubject, verdict: CheckVerdict, { message, hint, kind }: ProxmoxError): CheckResult {
  return { check, verdict, text: message, ...(hint !== undefined && { next: hint }), facts: { kind } };
}

function versionFound({ version }: z.infer<typeof versionForm>): CheckResult {
  return { check: "version", verdict: "ok", text: `Proxmox VE ${version}`, facts: { version } };
}

function clockFound(date: Date | undefined): CheckResult[] {
  if (date === undefined) return [];
  const apart = date.getTime() - Date.now();
  const seconds = Math.round(Math.abs(apart) / 1000);
  const facts = { secondsAhead: Math.round(apart / 1000) };
  if (Math.abs(apart) < clockMs) return [{ check: "clock", verdict: "ok", text: "agrees with this machine's", facts }];
  return [
    {
      check: "clock",
      verdict: "warn",
      text: `the node's is ${seconds} s ${apart > 0 ? "ahead of" : "behind"} this machine's`,
      next: "Compare both with `timedatectl`, and let both synchronize (chrony).",
      facts,
    },
  ];
}

function quorumFound(rows: z.infer<typeof statusForm>): CheckResult {
  const check = "quorum";
  const cluster = rows.find(({ type }) => type === "cluster");
  if (cluster === undefined) {
    return { check, verdict: "ok", text: "a single node, which needs none", facts: { quorate: true } };
  }
  if (cluster.quorate === 1) {
    return { check, verdict: "ok", text: `cluster "${cluster.name}" has it`, facts: { quorate: true } };
  }
  return {
    check,
    verdict: "fail",
    text: `cluster "${cluster.name}" has none: it can be looked at, but nothing can be changed or started`,
    next: "Too few nodes see each other. Bring the missing ones back, or mend the network between them; `pvecm status` on a node shows who is missing.",
    facts: { quorate: false },
  };
}

function nodesFound(rows: z.infer<typeof nodesForm>): CheckResult {
  const check = "nodes";
  const away = rows
    .filter(({ status }) => status !== "online")
    .map(({ node }) => node)
    .sort();
  const facts = { online: rows.length - away.length, nodes: rows.length, offline: away };
  const text = `${facts.online} of ${facts.nodes} online`;
  if (away.length === 0) return { check, verdict: "ok", text, facts };
  return {
    check,
    verdict: "warn",
    text: `${text}; offline: ${away.join(", ")}`,
    next: "If that is not meant: see whether the node runs, and what `pvecm status` says on another. Nothing on it can be read or changed until then.",
    facts,
  };
}
