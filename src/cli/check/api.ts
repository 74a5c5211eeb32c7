import type { ClusterConfig } from "../../config/types.ts";
import type { ProxmoxAnswer, ProxmoxClient } from "../../proxmox/client.ts";
import { ProxmoxError } from "../../proxmox/errors.ts";
import type { Finding, Subject, Verdict } from "./finding.ts";
import { type Permissions, privilegesFound } from "./privileges.ts";

/** From here on a clock is wrong: tasks are looked up, and tokens and certificates end, by the node's clock. */
const clockMs = 30_000;

/** Asks an endpoint's API, with the token, how its cluster is. A token that is refused (after 3 s) is sent once. */
export async function askApi(client: ProxmoxClient, { user, tokenId }: ClusterConfig): Promise<Finding[]> {
  const token = `${user}!${tokenId}`;
  const version = await ask(client, ["version"]);
  if (version instanceof ProxmoxError) {
    return [errorFound(version.kind === "token-refused" ? "token" : "version", "fail", version)];
  }
  const [status, nodes, permissions] = await Promise.all([
    ask(client, ["cluster", "status"]),
    ask(client, ["nodes"]),
    ask(client, ["access", "permissions"]),
  ]);
  const privileges = found("privileges", permissions, (data) => privilegesFound(data as Permissions, user, token));
  const { next, ...quorum } = found("quorum", status, quorumFound);
  return [
    { check: "token", verdict: "ok", text: `${token} works` },
    versionFound(version),
    ...clockFound(version.date),
    // Whoever lacks every right is told once how to get some.
    privileges.verdict === "fail" || next === undefined ? quorum : { ...quorum, next },
    found("nodes", nodes, nodesFound),
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
function found(check: Subject, answer: ProxmoxAnswer | ProxmoxError, read: (data: unknown) => Finding): Finding {
  if (!(answer instanceof ProxmoxError)) return read(answer.data);
  return errorFound(check, answer.kind === "privilege" ? "warn" : "fail", answer);
}

function errorFound(check: Subject, verdict: Verdict, { message, hint, kind }: ProxmoxError): Finding {
  return { check, verdict, text: message, ...(hint !== undefined && { next: hint }), facts: { kind } };
}

function versionFound({ data }: ProxmoxAnswer): Finding {
  const { version } = data as { version?: unknown };
  return { check: "version", verdict: "ok", text: `Proxmox VE ${String(version)}`, facts: { version } };
}

function clockFound(date: Date | undefined): Finding[] {
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

interface StatusRow {
  readonly type?: string;
  readonly name?: string;
  readonly quorate?: number;
}

function quorumFound(data: unknown): Finding {
  const check = "quorum";
  const cluster = (data as readonly StatusRow[]).find(({ type }) => type === "cluster");
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

function nodesFound(data: unknown): Finding {
  const check = "nodes";
  const rows = data as readonly { readonly node: string; readonly status?: string }[];
  const away = rows.filter(({ status }) => status !== "online").map(({ node }) => node);
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
