import { TransportError } from "./errors/proxmox-error.ts";
import { encodeParams, type Params } from "./params.ts";
import { type ApiPath, encodePath } from "./path.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** A request in the form of the wire, apart from the endpoint and the token. */
export interface Message {
  readonly method: Method;
  /** Path and query below the endpoint's base URL. */
  readonly target: string;
  /** Urlencoded; `undefined` where the method has none: Proxmox answers 501 to a GET or DELETE with a body. */
  readonly body: string | undefined;
  /** Beside those that every message has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came back, whole and decompressed. */
export interface HttpReply {
  readonly status: number;
  /** The reason phrase, for some errors the only text there is. */
  readonly reason: string;
  readonly headers: { get(name: string): string | null };
  readonly body: string;
}

/** Proxmox drops a connection without an answer when all headers together exceed 8 KiB; token and the others need some. */
const targetLimit = 7 * 1024;
/** Proxmox answers 501 to more. */
const bodyLimit = 512 * 1024;
const shorter = "Send shorter values, or fewer parameters at a time.";

/**
 * Puts parameters where Proxmox wants them: the query for GET and DELETE, the body for POST and PUT.
 * @throws TransportError when that is more than Proxmox takes, PathError for an impossible path.
 */
export function writeMessage(method: Method, path: ApiPath, params: Params): Message {
  const encoded = encodeParams(params);
  const hasBody = method === "POST" || method === "PUT";
  const target = `/api2/json${encodePath(path)}${hasBody || encoded === "" ? "" : `?${encoded}`}`;
  if (target.length > targetLimit) {
    throw invalid(
      `path and parameters of a ${method} take ${target.length} bytes encoded; Proxmox takes at most ${targetLimit}`,
      shorter,
    );
  }
  if (hasBody && encoded.length > bodyLimit) {
    throw invalid(`the parameters take ${encoded.length} bytes encoded; Proxmox takes at most ${bodyLimit}`, shorter);
  }
  return { method, target, body: hasBody ? encoded : undefined };
}

/** The headers that go with a message; the host is the connection's matter. Without a token for what anybody may read. */
export function headersOf(message: Message, authorization: string | undefined): Record<string, string> {
  return {
    ...(authorization !== undefined && { authorization }),
    accept: "application/json",
    "accept-encoding": "gzip",
    "user-agent": "proxmox-mcp",
    ...message.headers,
    ...(message.body !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
  };
}

/** Refused here, before anything was sent. */
export function invalid(what: string, hint?: string): TransportError {
  return new TransportError({ kind: "invalid-request", sent: "no", what, hint });
}
