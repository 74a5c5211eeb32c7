import { shellWord } from "../../config/wording.ts";
import { roleFor } from "../roles.ts";
import { failed, type Meaning, nodeOf, oneLine } from "./error-messages.ts";
import type { Attempted, Problem } from "./proxmox-error.ts";

/** An error as Proxmox answered it. */
export interface Refusal {
  readonly status: number;
  /** The body's message, else the reason phrase, trimmed. */
  readonly text: string;
  /** The body's `errors`, by parameter. */
  readonly errors: Readonly<Record<string, string>> | undefined;
}

/** Who asked: the user or token that the hints name, `mcp@pve` and `mcp@pve!agent`. */
export interface TokenIdentity {
  readonly user: string;
  readonly token: string;
}

/**
 * Turns Proxmox's answer into what an operator does next. Most failures share status 500 and differ by text alone, so
 * this file and `failures.ts` read texts; `test/recordings/alpha-errors.json` and `alpha-faults.json` hold them as real servers sent them.
 */
export function classifyError(refusal: Refusal, attempted: Attempted, asker: TokenIdentity): Problem {
  const meaning = read(refusal, attempted, asker);
  const write = attempted.method !== "GET";
  const what = meaning.what ?? oneLine(refusal.text || "without a message");
  return {
    kind: meaning.kind,
    sent: write && mayHaveBeenDone(refusal, meaning) ? "maybe" : "answered",
    what: refusal.status === 200 ? what : `${refusal.status}, ${what}`,
    hint: meaning.hint,
    status: refusal.status,
    reason: refusal.text,
    details: meaning.details,
  };
}

/**
 * Whether a refused write may have been carried out all the same. 596 to 599 are AnyEvent::HTTP's for what fails once it
 * is connected. `fork_worker` lets the task run and only then waits for the lock of the list of active tasks
 * (PVE/RESTEnvironment.pm), so a timeout of that lock is the error of a task that runs.
 */
function mayHaveBeenDone({ status, text }: Refusal, { kind }: Meaning): boolean {
  return kind === "node-timeout" || status === 598 || status === 599 || text.includes("/tasks/.active.lock'");
}

/**
 * A refusal that comes as an answer: the log of a task that the node does not know is 200 with the failed `open` as its
 * only line (recorded on 9.2). `undefined` for a real answer.
 */
export function refusalInData(data: unknown, { method, path }: Attempted): Refusal | undefined {
  if (method !== "GET" || !/^\/nodes\/[^/]+\/tasks\/[^/]+\/log$/.test(path) || !Array.isArray(data)) return undefined;
  const [line, ...more] = data as { t?: unknown }[];
  const text = "unable to open file - No such file or directory";
  return line?.t === text && more.length === 0 ? { status: 200, text, errors: { upid: "no such task" } } : undefined;
}

function read(refusal: Refusal, attempted: Attempted, asker: TokenIdentity): Meaning {
  switch (refusal.status) {
    case 401:
      return unauthorized(refusal.text, asker);
    case 403:
      return forbidden(refusal.text, asker);
    case 200:
    case 400:
      return parameters(refusal, attempted);
    case 501:
      return unsupported(refusal.text, attempted);
    case 595:
      return offline(refusal.text, attempted);
    case 596:
    case 597:
      return timedOut(refusal.text, attempted);
    default:
      return failed(refusal.text, attempted);
  }
}

function unauthorized(text: string, { user, token }: TokenIdentity): Meaning {
  if (/^no ticket/i.test(text)) {
    return {
      kind: "token-refused",
      what: `the token ${token} did not arrive (Proxmox says: ${text})`,
      hint: "Something between this machine and the node takes the Authorization header off; connect to the node itself, port 8006.",
    };
  }
  return {
    kind: "token-refused",
    what: `the token ${token} was refused (Proxmox says: ${oneLine(text)})`,
    hint:
      `Check user, token_id and token_secret in the configuration. On a node, \`pveum user token list ${shellWord(user)}\` shows whether the token exists or has expired, ` +
      "and `pveum user list` whether the user is enabled. A lost secret cannot be read again: remove the token and add it anew.",
  };
}

function forbidden(text: string, { user, token }: TokenIdentity): Meaning {
  const [, uri] = /URI '([^']{0,2048})' not available with API token/.exec(text) ?? [];
  if (uri !== undefined) {
    return {
      kind: "ticket-only",
      what: `Proxmox offers ${uri} to no API token, whatever its rights`,
      hint: "Do this in the web interface, or with pvesh or pveum on a node.",
    };
  }
  const [, aclPath, list] = /\((\/[^,(]*), ([\w.|]+)\)/.exec(text) ?? [];
  if (aclPath === undefined || list === undefined) {
    return {
      kind: "privilege",
      what: `token ${token} may not do this (Proxmox says: ${oneLine(text)})`,
      hint: "Some things only root@pam may do, and never a token of somebody else; do it on a node, or in the web interface.",
    };
  }
  const privileges = list.split("|");
  const role = roleFor(privileges);
  const grant = `pveum acl modify ${shellWord(aclPath)} --tokens ${shellWord(token)} --roles ${role ?? "NAME"}`;
  const command = role === undefined ? `pveum role add NAME --privs ${privileges.join(",")} && ${grant}` : grant;
  const spare =
    role === undefined && privileges.length > 1 ? "Leave out of --privs what the token is not meant to do. " : "";
  return {
    kind: "privilege",
    what: `token ${token} ${privileges.length === 1 ? `lacks ${list}` : `needs one of ${privileges.join(", ")}`} on ${aclPath}`,
    hint:
      `An administrator can grant it on a node: ${command}. ${spare}` +
      `What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, ${user} needs the privilege too.`,
    details: { privileges, aclPath },
  };
}

function unsupported(text: string, attempted: Attempted): Meaning {
  if (/not (?:implemented|available)/.test(text)) {
    return {
      kind: "unknown-endpoint",
      what: `this Proxmox VE has no ${attempted.method} ${attempted.path}`,
      hint: "Either the path or the method is wrong, or this version lacks it; the API viewer at /pve-docs/api-viewer/ on a node lists every path with its methods.",
    };
  }
  return {
    kind: "failed",
    what: `the request did not arrive in the form in which it was sent (Proxmox says: ${oneLine(text)})`,
    hint: "Something between this machine and the node changes requests; connect to the node itself, port 8006.",
  };
}

function parameters({ text, errors }: Refusal, attempted: Attempted): Meaning {
  const entries = Object.entries(errors ?? {}).map(([name, complaint]) => [name, oneLine(complaint)] as const);
  if (entries.length === 0)
    return { kind: "parameters", hint: "Compare the parameters with the endpoint's description." };
  const upid = errors?.["upid"]?.trim();
  if (upid === "no such task" || upid === "unable to parse worker upid") {
    const known = upid === "no such task";
    return {
      kind: "not-found",
      what: known
        ? "this node knows no such task"
        : "the path names no task: a UPID is needed (UPID:node:pid:pstart:time:type:id:user:)",
      hint: `GET ${attempted.path.split("/").slice(0, 4).join("/")} lists the node's tasks; the node in a UPID is the one that has it.`,
      details: {
        subject: { type: "task", id: attempted.path.split("/")[4] ?? "" },
        parameters: Object.fromEntries(entries),
      },
    };
  }
  return {
    kind: "parameters",
    what: `${oneLine(text).replace(/\.$/, "")}: ${entries.map(([name, complaint]) => `${name}: ${complaint}`).join("; ")}`,
    hint: parameterHint(entries),
    details: { parameters: Object.fromEntries(entries) },
  };
}

/** What to do about a complaint, by the parameter's name and the complaint. */
const remedies: readonly (readonly [name: RegExp, complaint: RegExp, remedy: string])[] = [
  [/^/, /missing and it is not optional/, "Add what is missing."],
  [/^/, /not defined in schema/, "Leave out what the endpoint does not know; a misspelt name looks the same."],
  [/^(?:vmid|newid)$/, /already exists/, "GET /cluster/nextid without parameters gives a free VMID."],
  [/^/, /already exists/, "Choose another, or change the one that exists."],
  [/^/, /\('boolean'\)/, "Booleans are true and false, or 1 and 0 where a string is sent."],
];

function parameterHint(complaints: readonly (readonly [name: string, complaint: string])[]): string {
  const found = complaints.map(
    ([name, complaint]) =>
      remedies.find(([names, texts]) => names.test(name) && texts.test(complaint))?.[2] ?? "Correct the value.",
  );
  return [...new Set(found)].join(" ");
}

function offline(text: string, attempted: Attempted): Meaning {
  const node = nodeOf(attempted);
  return {
    kind: "node-offline",
    what: `${node === undefined ? "the node in question" : `node ${node}`} cannot be reached by the node that answered (Proxmox says: ${oneLine(text)})`,
    hint: "The node is off, or cut off from the cluster; GET /nodes shows which are online. Nothing was done on it.",
    ...(node !== undefined && { details: { subject: { type: "node", id: node } } }),
  };
}

function timedOut(text: string, attempted: Attempted): Meaning {
  const node = nodeOf(attempted);
  return {
    kind: "node-timeout",
    what: `${node === undefined ? "the node in question" : `node ${node}`} took the request from the node that answered, but did not answer in time (Proxmox says: ${oneLine(text)})`,
    hint: "The node hangs or is overloaded; GET /cluster/resources shows its state as the others see it.",
    ...(node !== undefined && { details: { subject: { type: "node", id: node } } }),
  };
}
