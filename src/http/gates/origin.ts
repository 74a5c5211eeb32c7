import { refuse } from "../error-response.ts";
import type { Gate } from "./gate.ts";
import { loopbackNames } from "./host.ts";

/** What a page of an allowed origin may send and read: the headers of MCP's transports. */
const corsHeaders = {
  "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
  "Access-Control-Allow-Headers":
    "Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name",
  "Access-Control-Expose-Headers": "Mcp-Session-Id, WWW-Authenticate",
  "Access-Control-Max-Age": "600",
};

/**
 * Refuses requests from web pages of origins that are not listed. No MCP client sends `Origin`; browsers always do, so
 * an absent one passes, and so does this server's own origin under a loopback name.
 * @param allowed entries of `MCP_ALLOWED_ORIGINS`: `scheme://host[:port]`, or `*` for all.
 */
export function originGate(allowed: readonly string[]): Gate {
  const all = allowed.includes("*");
  // A browser leaves the scheme's own port out.
  const origins = new Set(allowed.map(asBrowsersSay));
  return (request) => {
    const origin = request.headers.get("origin");
    if (origin === null && isFromElsewhere(request) && !all) {
      return refuse(
        403,
        "Pages of other origins may not use this server. If they should, add theirs to MCP_ALLOWED_ORIGINS.",
      );
    }
    if (origin === null || all || origins.has(origin.toLowerCase()) || isOwn(origin, request)) return undefined;
    return refuse(
      403,
      `Pages of the origin ${JSON.stringify(origin)} may not use this server. If they should, add it to MCP_ALLOWED_ORIGINS.`,
    );
  };
}

/** Whether a browser sends this for another site's page: without CORS it says so here, and sends no Origin. */
function isFromElsewhere(request: Request): boolean {
  return ["cross-site", "same-site"].includes(request.headers.get("sec-fetch-site") ?? "");
}

function asBrowsersSay(origin: string): string {
  const parsed = URL.parse(origin)?.origin ?? "null";
  // Schemes that are no web's, such as `vscode-webview`, have no origin for URL.
  return parsed === "null" ? origin.toLowerCase() : parsed;
}

/**
 * Whether a page is this server's own: the conformance suite wants those let in (`dns-rebinding-protection`). Only a
 * loopback name proves it; any other can be led here by DNS, and where MCP_ALLOWED_HOSTS is `*` no other gate sees that.
 */
function isOwn(origin: string, request: Request): boolean {
  const own = URL.parse(request.url);
  return own !== null && loopbackNames.includes(own.hostname) && origin.toLowerCase() === own.origin;
}

/** The answer to a browser's preflight, for an origin that passed its gate; `undefined` when it is none. */
export function preflight(request: Request): Response | undefined {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) return undefined;
  return new Response(null, { status: 204 });
}

/** Lets the page that asked read the response. */
export function withCors(request: Request, response: Response): Response {
  const origin = request.headers.get("origin");
  if (origin === null) return response;
  for (const [name, value] of Object.entries(corsHeaders)) response.headers.set(name, value);
  response.headers.set("Access-Control-Allow-Origin", origin);
  response.headers.append("Vary", "Origin");
  return response;
}
