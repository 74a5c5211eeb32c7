import { Connection } from "./connection.ts";

/** A client that is ready to call the tool again and again; each call gives the JSON of its answer. */
export interface Caller {
  call(): Promise<string>;
  close(): void;
}

/** The ways to a server, by the name of what they are. */
export const transports = { modern, session, sse } as const;

/** A name of {@link transports}. */
export type TransportName = keyof typeof transports;

/** One request to Proxmox, whose answer in the demo never changes: the answers of two servers can be compared. */
const params = { name: "proxmox_api_call", arguments: { cluster: "alpha", path: "/nodes/pve1/qemu/100/config" } };
const json = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };
const clientInfo = { name: "bench", version: "1" };
const initialize = message("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo }, 0);
const initialized = message("notifications/initialized", {});
const call = message("tools/call", params, 1);

/** MCP 2026-07-28 over `/mcp`: every request stands alone. */
async function modern(url: URL): Promise<Caller> {
  const connection = await Connection.open(url);
  const version = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": clientInfo,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const headers = { ...json, "MCP-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": params.name };
  const request = connection.post("/mcp", headers, message("tools/call", { ...params, _meta: meta }, 1));
  return { call: async () => jsonOf(await connection.send(request)), close: () => connection.close() };
}

/** MCP 2025-06-18 over `/mcp`: a session for each connection. */
async function session(url: URL): Promise<Caller> {
  const connection = await Connection.open(url);
  const begun = await connection.send(connection.post("/mcp", json, initialize));
  const [, id = ""] = /\r\nmcp-session-id: *(\S+)/i.exec(begun) ?? [];
  const headers = { ...json, "Mcp-Session-Id": id, "MCP-Protocol-Version": "2025-06-18" };
  await connection.send(connection.post("/mcp", headers, initialized));
  const request = connection.post("/mcp", headers, call);
  return { call: async () => jsonOf(await connection.send(request)), close: () => connection.close() };
}

/** MCP 2024-11-05, HTTP+SSE: a stream for the answers and a connection for the calls. */
async function sse(url: URL): Promise<Caller> {
  const [stream, connection] = await Promise.all([Connection.open(url), Connection.open(url)]);
  const [, path = ""] = /data: (\S+)/.exec(await stream.stream("/sse")) ?? [];
  const roundTrip = async (request: Uint8Array) => {
    const [event] = await Promise.all([stream.event("message"), connection.send(request)]);
    return jsonOf(event);
  };
  await roundTrip(connection.post(path, json, initialize));
  await connection.send(connection.post(path, json, initialized));
  const request = connection.post(path, json, call);
  return {
    call: () => roundTrip(request),
    close: () => {
      stream.close();
      connection.close();
    },
  };
}

function message(method: string, params: object, id?: number): string {
  return JSON.stringify({ jsonrpc: "2.0", ...(id !== undefined && { id }), method, params });
}

/** The message in a response or an event. */
function jsonOf(text: string): string {
  return text.slice(text.indexOf('{"'), text.lastIndexOf("}") + 1);
}
