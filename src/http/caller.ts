import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../config/secret.ts";
import { refuse } from "./answers.ts";

/** Whoever sent a request, as far as the token tells. */
export interface Caller {
  /** For logs. */
  readonly name: string;
  /** What a session is bound to: another token is another caller. */
  readonly id: string;
}

/** Finds out who sent a request, or refuses it. */
export type Authenticator = (request: Request) => Caller | Response;

/** Where no token is configured everybody who reaches the server is this caller. */
const anonymous: Caller = { name: "anonymous", id: "" };

/**
 * Wants the bearer token, if there is one. Compares digests, which have one length, in constant time: how long a
 * refusal takes tells nothing about the token.
 */
export function authenticator(token: Secret | undefined): Authenticator {
  if (token === undefined) return () => anonymous;
  const expected = digest(token.reveal());
  const caller = { name: "default", id: expected.toString("base64url") };
  return (request) => {
    const header = request.headers.get("authorization");
    if (header === null) {
      return refuse(401, "This server wants a token: send the header `Authorization: Bearer TOKEN`.", {
        "WWW-Authenticate": 'Bearer realm="proxmox-mcp"',
      });
    }
    const [, given = ""] = /^bearer +(.+)$/i.exec(header.trim()) ?? [];
    if (timingSafeEqual(digest(given), expected)) return caller;
    return refuse(401, "The token is not the one this server knows (MCP_AUTH_TOKEN).", {
      "WWW-Authenticate": 'Bearer realm="proxmox-mcp", error="invalid_token"',
    });
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
