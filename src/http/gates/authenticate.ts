import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../../config/secret.ts";
import type { CallerConfig } from "../../config/types.ts";
import { anonymous, type Caller, defaultCaller, namedCaller } from "../../policy/callers/caller.ts";
import { refuse } from "../error-response.ts";

/** Finds out who sent a request, or refuses it. */
export type Authenticator = (request: Request) => Caller | Response;

/**
 * Wants a bearer token, if there is any to want: the server's own, or that of one of the callers of the moment. Digests,
 * which have one length, are compared in constant time, and all of them: how long a refusal takes tells nothing.
 */
export function authenticator(token: Secret | undefined, callers: () => readonly CallerConfig[]): Authenticator {
  const own = token === undefined ? [] : [digest(token.reveal())];
  // A reload that takes the last caller away must not open a server to everybody that was started closed.
  const isClosed = token !== undefined || callers().length > 0;
  return (request) => {
    const named = callers();
    const known = [
      ...own.map((expected) => ({ expected, caller: defaultCaller(expected.toString("base64url")) })),
      ...named.map((entry) => ({ expected: Buffer.from(entry.tokenSha256, "hex"), caller: namedCaller(entry) })),
    ];
    if (!isClosed && known.length === 0) return anonymous;
    const header = request.headers.get("authorization");
    if (header === null) {
      return refuse(401, "This server wants a token: send the header `Authorization: Bearer TOKEN`.", {
        "WWW-Authenticate": 'Bearer realm="proxmox-mcp"',
      });
    }
    const [, given] = /^bearer +([^ ].*)$/i.exec(header.trim()) ?? [];
    if (given === undefined) {
      return refuse(401, "The Authorization header is not valid: send `Authorization: Bearer TOKEN`.", {
        "WWW-Authenticate": 'Bearer realm="proxmox-mcp", error="invalid_request"',
      });
    }
    const shown = digest(given);
    const [found] = known.filter(({ expected }) => timingSafeEqual(shown, expected));
    if (found !== undefined) return found.caller;
    const where = named.length === 0 ? "MCP_AUTH_TOKEN" : "MCP_AUTH_TOKEN or of a caller in clusters.json";
    return refuse(401, `Invalid bearer token: send the value of ${where}.`, {
      "WWW-Authenticate": 'Bearer realm="proxmox-mcp", error="invalid_token"',
    });
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
