import type { Redactor } from "../../redact/redactor.ts";
import { classifyError, refusalInData, type TokenIdentity } from "../errors/classify-error.ts";
import type { Attempted, Problem } from "../errors/proxmox-error.ts";
import { TransportError } from "../errors/proxmox-error.ts";
import type { HttpReply } from "../message.ts";

/** What Proxmox answered: its envelope, taken apart. */
export interface ProxmoxAnswer {
  readonly data: unknown;
  /** How many rows there are in all, where the endpoint pages. */
  readonly total?: number;
  /** Other keys of the envelope, such as `changes` and `success`. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** The base URL that answered. */
  readonly endpoint: string;
  /** The answering node's clock. */
  readonly date?: Date;
  /** When a read was sent, by this machine's clock: earlier than it was asked for where several share it. */
  readonly sentAt?: Date;
  /** Why another endpoint answered than the one that was asked first, `pve1 did not answer, pve2 did`. */
  readonly detour?: string;
  /** How a write whose answer was lost is known to have been done. Its `data` is then the task that was found, or `null`. */
  readonly recovered?: string;
}

/** Who asked for an answer, and what must be taken out of it before anything else reads it. */
export interface Reader {
  readonly asker: TokenIdentity;
  readonly redactor: Redactor;
}

/**
 * Reads a reply as Proxmox's answer. Whatever answers may echo the headers of the request, and with them the token.
 * @throws TransportError for every error that Proxmox tells, and for what is no answer of Proxmox.
 */
export function readAnswer(
  raw: HttpReply,
  endpoint: string,
  attempted: Attempted,
  { asker, redactor }: Reader,
): ProxmoxAnswer {
  const envelope = redactor.incoming(parseObject(raw.body));
  const reply = redactedReply(raw, redactor);
  if (reply.status >= 200 && reply.status < 300) {
    if (isFile(reply, attempted)) throw file(reply, endpoint, attempted);
    if (envelope === undefined || !("data" in envelope)) throw strange(reply, endpoint, attempted);
    const { data, total, ...extra } = envelope;
    const refusal = refusalInData(data, attempted);
    if (refusal !== undefined) throw new TransportError({ ...classifyError(refusal, attempted, asker), endpoint });
    const date = new Date(reply.headers.get("date") ?? "");
    return {
      data,
      ...(typeof total === "number" && { total }),
      extra,
      endpoint,
      ...(!Number.isNaN(date.getTime()) && { date }),
    };
  }
  if (!speaksAsProxmox(reply, envelope)) throw strange(reply, endpoint, attempted);
  const message = typeof envelope?.["message"] === "string" ? envelope["message"].trim() : "";
  const text = (message || reply.reason).slice(0, maxTextLength);
  const refusal = { status: reply.status, text, errors: texts(envelope?.["errors"]) };
  throw new TransportError({ ...classifyError(refusal, attempted, asker), endpoint });
}

/**
 * What is read of an error's text, in characters. Patterns go over it whose cost grows with its square, and who
 * answers may mean harm; Proxmox's longest recorded message has some 300.
 */
const maxTextLength = 4096;

/** As many complaints about parameters are read; more than any endpoint has parameters that a request could get wrong. */
const maxComplaints = 50;

/** A reply without secrets, of which errors quote whatever part. Of an answer as expected the body is not looked at. */
function redactedReply({ status, reason, headers, body }: HttpReply, redactor: Redactor): HttpReply {
  return {
    status,
    reason: redactor.incoming(reason),
    headers: { get: (name) => redactor.incoming(headers.get(name)) },
    get body() {
      return redactor.incoming(body);
    },
  };
}

/** Proxmox's errors are JSON or have no body; it never redirects, and never says 404 or 502 to 504. */
function speaksAsProxmox(reply: HttpReply, envelope: Record<string, unknown> | undefined): boolean {
  if (envelope !== undefined) return "data" in envelope || "message" in envelope || "errors" in envelope;
  return reply.body.trim() === "" && reply.status >= 400 && ![404, 405, 407, 502, 503, 504].includes(reply.status);
}

/**
 * A download: a task's whole log (`download` with `.../log`) says so in a header, a file out of a backup
 * (`file-restore/download`) by its path alone.
 */
function isFile({ headers }: HttpReply, { path }: Attempted): boolean {
  if (/^attachment\b/i.test(headers.get("content-disposition") ?? "")) return true;
  return path.endsWith("/file-restore/download") && !/html|json/i.test(headers.get("content-type") ?? "");
}

function file({ status, reason, headers, body }: HttpReply, endpoint: string, { path }: Attempted): TransportError {
  return new TransportError({
    kind: "file",
    sent: "answered",
    endpoint,
    status,
    reason,
    what: `it answers with a file (${clip(headers.get("content-type") ?? "no content type")}, ${Buffer.byteLength(body)} bytes), which cannot be passed on`,
    hint: path.endsWith("/log")
      ? "Leave out `download`: then the log comes line by line, as much as `start` and `limit` say."
      : "Fetch it in the web interface, or on a node.",
  });
}

function strange(reply: HttpReply, endpoint: string, attempted: Attempted): TransportError {
  const { status, reason, headers, body } = reply;
  const type = headers.get("content-type") ?? "no content type";
  const write = attempted.method !== "GET";
  const json = /json/.test(type);
  // Whoever answered 4xx or redirected did nothing; behind anything else Proxmox may have done it.
  const sent: Problem["sent"] = write && !(status >= 300 && status < 500) ? "maybe" : "answered";
  const common = { sent, endpoint, status, reason };
  if (json && status < 300 && parsed(body) === undefined) {
    return new TransportError({
      ...common,
      kind: "broken-answer",
      what: `${endpoint} answered ${status} with JSON that is cut off or damaged (${Buffer.byteLength(body)} bytes)`,
      hint: "If it happens again, look for a proxy in between, and at `journalctl -u pveproxy` on the node.",
    });
  }
  const location = headers.get("location");
  const redirect = location === null ? "" : `, redirecting to ${clip(location)}`;
  return new TransportError({
    ...common,
    kind: "not-proxmox",
    what: `${endpoint} is not answering as Proxmox VE: ${`${status} ${clip(reason)}`.trim()}, ${clip(type)}${redirect}${begins(body)}`,
    hint:
      'It looks like a login page, a proxy or another service in front. Let "url" name a Proxmox node itself (https://node:8006), ' +
      "or make the proxy pass /api2/json on unchanged, with the Authorization header.",
  });
}

function begins(body: string): string {
  const start = body.slice(0, maxTextLength);
  const title = /^<title[^>]*>([^<]*)<\/title>/i.exec(start.slice(start.search(/<title/i)))?.[1]?.trim();
  if (title !== undefined && title !== "") return `, titled "${clip(title)}"`;
  return body.trim() === "" ? ", empty" : `, beginning with "${clip(body)}"`;
}

/** Words of an unknown server: one line, short, plain. */
function clip(text: string): string {
  const line = text
    .slice(0, maxTextLength)
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return line.length > 80 ? `${line.slice(0, 80)}...` : line;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function parseObject(body: string): Record<string, unknown> | undefined {
  const value = parsed(body);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function texts(errors: unknown): Record<string, string> | undefined {
  if (typeof errors !== "object" || errors === null) return undefined;
  const read = Object.entries(errors).slice(0, maxComplaints);
  return Object.fromEntries(
    read.map(([name, text]) => [
      name.slice(0, 100),
      typeof text === "string" ? text.slice(0, maxTextLength) : "is wrong",
    ]),
  );
}
