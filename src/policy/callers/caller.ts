import { type Access, accessLevels, type CallerConfig, type Config } from "../../config/types.ts";

/** The sender of a request, as identified by its bearer token. */
export interface Caller {
  /** `default` with the server's own token, `anonymous` where none is needed, `local` over stdio, else a name of `callers`. */
  readonly name: string;
  /** What a session and a consent are bound to: another token is another caller. SHA-256 of the token in base64url, or empty. */
  readonly id: string;
}

/** The caller of every request where no token is configured. */
export const anonymous: Caller = { name: "anonymous", id: "" };

/** The user who starts the program over stdio or runs one of its commands. */
export const local: Caller = { name: "local", id: "" };

/** The owner of the server's own token, `MCP_AUTH_TOKEN`. */
export function defaultCaller(id: string): Caller {
  return { name: "default", id };
}

/** The caller of an entry in `callers`. */
export function namedCaller({ name, tokenSha256 }: CallerConfig): Caller {
  return { name, id: Buffer.from(tokenSha256, "hex").toString("base64url") };
}

/** What a caller may, at most. */
export interface CallerRights {
  readonly access: Access;
  /** `undefined` for all. */
  readonly clusters: readonly string[] | undefined;
  readonly parallelCalls: number;
  /** `undefined` where nothing is counted. */
  readonly requestsPerMinute: number | undefined;
}

/** Callers without an entry: nothing of theirs is less than the clusters' own, and their number of calls is only kept sane. */
const unlimited: CallerRights = {
  access: "full",
  clusters: undefined,
  parallelCalls: 256,
  requestsPerMinute: undefined,
};

/**
 * What a caller may in a configuration; `undefined` for one that it does not know: the entry may be gone, or have got
 * another token, since a connection began.
 */
export function rightsOf(caller: Caller, { callers }: Pick<Config, "callers">): CallerRights | undefined {
  if (caller.name === local.name || caller.name === "default") return unlimited;
  if (caller.name === anonymous.name) return callers.length === 0 ? unlimited : undefined;
  const entry = callers.find((one) => one.name === caller.name);
  return entry !== undefined && namedCaller(entry).id === caller.id ? entry : undefined;
}

/** The lower of two levels. */
export function lowerAccess(a: Access, b: Access): Access {
  return accessLevels.indexOf(a) < accessLevels.indexOf(b) ? a : b;
}
