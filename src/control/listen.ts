import { randomBytes } from "node:crypto";
import { chmodSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { OpenQuestion } from "../policy/consent/open-question.ts";
import { controlHost, controlPaths } from "./address.ts";
import { ControlError, codeOf, prepareFolder } from "./folder.ts";
import type { ServerName, ServerStatus } from "./protocol.ts";
import { remove, removeAbandoned, socketSuffix } from "./sockets.ts";

/** What a control socket shows. */
export interface Controlled {
  readonly questions: () => readonly OpenQuestion[];
  readonly status: () => ServerStatus;
}

/** An open control socket. */
export interface ControlSocket {
  readonly path: string;
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
}

/**
 * Opens the control socket of this process in a folder: HTTP and JSON over a Unix socket that only this user (and root)
 * can connect to.
 * @throws {ControlError} when it cannot be opened, or the folder must not be trusted. The server can run without it.
 */
export function openControl(folder: string, command: "serve" | "stdio", controlled: Controlled): ControlSocket {
  const uid = process.getuid?.();
  // Windows has Unix sockets, but neither their owners nor their modes.
  if (uid === undefined) throw new ControlError("Control sockets need Unix file permissions, which Windows lacks.");
  prepareFolder(folder, uid);
  // Random, since processes in containers that share the folder have the same id.
  const path = join(folder, `${command}-${process.pid}-${randomBytes(4).toString("hex")}${socketSuffix}`);
  const server = bind(path, controlled);
  removeAbandoned(folder, path).catch(() => undefined);
  return {
    path,
    async close() {
      remove(path);
      // A client that is connected and silent is not waited for.
      await server.stop(true);
    },
  };
}

function bind(path: string, controlled: Controlled): Bun.Server<undefined> {
  // Between bind and listen connections are refused, and another process would take the socket for an abandoned one: it
  // gets its name only once it listens.
  const unready = path.slice(0, -socketSuffix.length);
  try {
    const server = Bun.serve({
      unix: unready,
      maxRequestBodySize: 1024,
      fetch: (request) => answer(request, controlled),
      error: () => refuse(500, "Internal error"),
    });
    chmodSync(unready, 0o600);
    renameSync(unready, path);
    return server;
  } catch (error) {
    remove(unready);
    throw new ControlError(
      `${path} cannot be opened (${codeOf(error)}). Set MCP_RUNTIME_DIR to a folder of this user, with a short path.`,
    );
  }
}

/**
 * No browser reaches a Unix socket, but an operator may forward it to a TCP port. Pages are then told apart as in any
 * local server: by the headers that they cannot leave out, and by Host against DNS rebinding.
 */
function answer(request: Request, { questions, status }: Controlled): Response {
  const url = URL.parse(request.url);
  if (url?.hostname !== controlHost || request.headers.has("origin") || request.headers.has("sec-fetch-site")) {
    return refuse(403, "Only commands on this machine may ask.");
  }
  if (request.method !== "GET") return refuse(405, "Method not allowed", { Allow: "GET" });
  if (url.pathname === controlPaths.status) return json(status());
  if (url.pathname === controlPaths.consents) return json(consentsOf(status(), questions()));
  return refuse(404, "Not found");
}

function consentsOf(
  { version, pid, transport, url }: ServerStatus,
  questions: readonly OpenQuestion[],
): { readonly server: ServerName; readonly questions: readonly OpenQuestion[] } {
  return { server: { version, pid, transport, ...(url !== undefined && { url }) }, questions };
}

function json(value: unknown): Response {
  return Response.json(value, { headers: { "Cache-Control": "no-store" } });
}

function refuse(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}
