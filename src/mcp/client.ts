import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { plainLine } from "../sanitize.ts";

/** What a client says of itself with a request. */
export interface ClientIdentity {
  /** Name and version in one short line, `claude-code 2.1.332`; recorded in the audit, never trusted. */
  readonly name: string;
  /** Whether it can show its human a form. */
  readonly hasForms: boolean;
  /** Whether the request is one of 2026-07-28: its questions travel in results, not as requests of the server. */
  readonly isModern: boolean;
}

/** Maximum characters of a client's name in the audit. */
const maxName = 100;

/** The parts of a request's `_meta` that describe the client; the SDK has validated them. */
interface Envelope {
  readonly [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities;
  readonly [CLIENT_INFO_META_KEY]?: Implementation;
}

/**
 * The client of a request, for every transport and era: a request of 2026-07-28 says in its own `_meta` envelope what a
 * client of 2025 said once, in `initialize`. Over stdio one `Server` serves both, and only the envelope tells them apart.
 */
export function clientOf(server: Server, { envelope }: ServerContext["mcpReq"]): ClientIdentity {
  const { [CLIENT_CAPABILITIES_META_KEY]: declared, [CLIENT_INFO_META_KEY]: named } = (envelope ?? {}) as Envelope;
  const isModern = declared !== undefined;
  const { elicitation } = (isModern ? declared : server.getClientCapabilities()) ?? {};
  const { name = "unknown", version = "" } = (isModern ? named : server.getClientVersion()) ?? {};
  return {
    name: plainLine(`${name} ${version}`.trim().slice(0, maxName)),
    // Before 2025-11-25 an empty capability meant forms.
    hasForms: elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined),
    isModern,
  };
}
