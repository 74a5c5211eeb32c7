import type { ClientCapabilities } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Caller } from "../policy/caller.ts";
import type { Seal } from "../seal.ts";

/** What a client said when it initialized: enough to serve its session after a restart as if nothing had happened. */
export interface Introduction {
  /** The version that the client offered, `2025-06-18`. */
  readonly protocolVersion: string;
  /** Only what this server may ask of a client: the rest would make the id long. */
  readonly capabilities: ClientCapabilities;
}

/** What an id of ours says. */
export interface ReadId extends Introduction {
  /** When it ends, in milliseconds since 1970. */
  readonly until: number;
}

/** Session ids are good for this long, in milliseconds. */
const validMs = 7 * 24 * 60 * 60_000;

/** `2025-06-18` has 10 characters; what a client may say instead must not make the id long. */
const longestVersion = 32;

const empty = z.object({}).optional();

/** What this server may ask of a client, and nothing else that a client may say of itself. */
const askable = z.object({
  elicitation: z.object({ form: empty, url: empty }).optional(),
  sampling: z.object({ tools: empty, context: empty }).optional(),
  roots: z.object({ listChanged: z.boolean().optional() }).optional(),
});

/** An ended session is remembered for as long as its id is valid; beyond this many the oldest are forgotten. */
const mostEnded = 100_000;

const content = z.object({
  /** Protocol version. */
  v: z.string(),
  /** Client capabilities. */
  c: z.record(z.string(), z.unknown()),
  /** Issued at, ms since 1970. */
  t: z.number(),
  /** Caller's name. */
  w: z.string(),
  /** Nonce: two clients that say the same get different ids. */
  n: z.string(),
});

/**
 * Session ids that carry what is needed to rebuild the session: a client that goes on with its id after a restart is
 * served, which Gemini CLI 0.61 relies on (it never initializes again). They are sealed for their caller.
 */
export class SessionIds {
  readonly #seal: Seal;
  readonly #now: () => number;
  /** The signatures of those that their client ended, in this process. */
  readonly #ended = new Set<string>();

  constructor(seal: Seal, now: () => number = Date.now) {
    this.#seal = seal;
    this.#now = now;
  }

  /** A new id for a client that introduced itself. */
  mint({ protocolVersion, capabilities }: Introduction, caller: Caller): string {
    const c = askable.safeParse(capabilities).data ?? {};
    const v = protocolVersion.slice(0, longestVersion);
    const issued = { v, c, t: this.#now(), w: caller.name, n: crypto.randomUUID() };
    return this.#seal.close("session", issued, caller.id);
  }

  /** What the client of an id said; `undefined` for one that is not ours, not this caller's, too old, or ended. */
  read(id: string, caller: Caller): ReadId | undefined {
    if (this.#ended.has(signature(id))) return undefined;
    const { data } = content.safeParse(this.#seal.open("session", id, caller.id));
    if (data === undefined || this.isOver(data.t + validMs)) return undefined;
    return { protocolVersion: data.v, capabilities: data.c as ClientCapabilities, until: data.t + validMs };
  }

  /** Whether the time of an id is over. */
  isOver(until: number): boolean {
    return until < this.#now();
  }

  /** Remembers that a client ended its session: the id is not taken again. */
  end(id: string): void {
    this.#ended.add(signature(id));
    const [oldest] = this.#ended;
    if (this.#ended.size > mostEnded && oldest !== undefined) this.#ended.delete(oldest);
  }
}

function signature(id: string): string {
  return id.slice(id.lastIndexOf(".") + 1);
}
