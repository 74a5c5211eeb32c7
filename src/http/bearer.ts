import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../config/secret.ts";
import { refuse } from "./answers.ts";
import type { Gate } from "./gate.ts";

/**
 * Refuses requests without the bearer token. Compares digests, which have one length, in constant time: how long a
 * refusal takes tells nothing about the token.
 */
export function bearerGate(token: Secret): Gate {
  const expected = digest(token.reveal());
  return (request) => {
    const header = request.headers.get("authorization");
    if (header === null) {
      return refuse(401, "This server wants a token: send the header `Authorization: Bearer TOKEN`.", {
        "WWW-Authenticate": 'Bearer realm="proxmox-mcp"',
      });
    }
    const [, given = ""] = /^bearer +(.+)$/i.exec(header.trim()) ?? [];
    if (timingSafeEqual(digest(given), expected)) return undefined;
    return refuse(401, "The token is not the one this server knows (MCP_AUTH_TOKEN).", {
      "WWW-Authenticate": 'Bearer realm="proxmox-mcp", error="invalid_token"',
    });
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
