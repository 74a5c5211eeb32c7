import type { ClientCapabilities, Implementation } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Caller } from "../../policy/callers/caller.ts";
import type { Signer } from "../../signer.ts";

/** What a client said when it initialized: enough to serve its session after a restart as if nothing had happened. */
export interface Introduction {
  /** The version that the client offered, `2025-06-18`. */
  readonly protocolVersion: string;
  /** Only what this server may ask of a client: the rest would make the id long. */
  readonly capabilities: ClientCapabilities;
  /** The client program, for the audit; as it names itself. */
  readonly clientInfo: Pick<Implementation, "name" | "version">;
}

/** What an id of ours says. */
export interface ReadId extends Introduction {
  /** When it ends, in milliseconds since 1970. */
  readonly until: number;
  /** What sets it apart from other ids: the id of an SSE stream, or random. */
  readonly nonce: string;
}

/** Session ids are good for this long, in milliseconds. */
const validMs = 7 * 24 * 60 * 60_000;

/** `2025-06-18` has 10 characters; what a client may say instead must not make the id long. */
const maxVersionLength = 32;

const empty = z.object({}).optional();

/** Maximum characters of a client's name and version. */
const maxNameLength = 40;

/** What this server may ask of a client, and nothing else that a client may say of itself. */
const askable = z.object({
  elicitation: z.object({ form: empty, url: empty }).optional(),
  sampling: z.object({ tools: empty, context: empty }).optional(),
  roots: z.object({ listChanged: z.boolean().optional() }).optional(),
});

/** Ended sessions that are remembered; beyond this many the oldest of the caller that has the most is forgotten. */
const maxEnded = 100_000;

const content = z.object({
  /** Protocol version. */
  v: z.string(),
  /** Client capabilities. */
  c: z.record(z.string(), z.unknown()),
  /** Issued at, ms since 1970. */
  t: z.number(),
  /** Caller's name. */
  w: z.string(),
  /** Client's name and version; ids of older versions have none. */
  i: z.tuple([z.string(), z.string()]).default(["unknown", ""]),
  /** Nonce: two clients that say the same get different ids. */
  n: z.string(),
});

/**
 * Session ids that carry what is needed to rebuild the session: a client that goes on with its id after a restart is
 * served, which Gemini CLI 0.61 relies on (it never initializes again). They are sealed for their caller.
 */
export class SessionIds {
  readonly #seal: Signer;
  readonly #now: () => number;
  /** The signatures of those that their clients ended in this process, by the callers' ids, the oldest first. */
  readonly #ended = new Map<string, Set<string>>();
  readonly #mostEnded: number;
  #endedCount = 0;

  constructor(seal: Signer, now: () => number = Date.now, most = maxEnded) {
    this.#seal = seal;
    this.#now = now;
    this.#mostEnded = most;
  }

  /**
   * A new id for a client that introduced itself.
   * @param nonce the id of its SSE stream; random by default.
   */
  mint(
    { protocolVersion, capabilities, clientInfo }: Introduction,
    caller: Caller,
    nonce: string = crypto.randomUUID(),
  ): string {
    const c = askable.safeParse(capabilities).data ?? {};
    const v = protocolVersion.slice(0, maxVersionLength);
    const i = [shortened(clientInfo.name), shortened(clientInfo.version)];
    const issued = { v, c, t: this.#now(), w: caller.name, i, n: nonce };
    return this.#seal.close("session", issued, caller.id);
  }

  /** What the client of an id said; `undefined` for one that is not ours, not this caller's, too old, or ended. */
  read(id: string, caller: Caller): ReadId | undefined {
    if (this.#ended.get(caller.id)?.has(signature(id)) === true) return undefined;
    const { data } = content.safeParse(this.#seal.open("session", id, caller.id));
    if (data === undefined || this.isOver(data.t + validMs)) return undefined;
    const [name, version] = data.i;
    return {
      protocolVersion: data.v,
      capabilities: data.c as ClientCapabilities,
      clientInfo: { name, version },
      until: data.t + validMs,
      nonce: data.n,
    };
  }

  /** Whether the time of an id is over. */
  isOver(until: number): boolean {
    return until < this.#now();
  }

  /** Remembers that a caller's client ended its session: the id is not taken again. */
  end(id: string, caller: Caller): void {
    const ended = this.#ended.get(caller.id) ?? new Set();
    this.#ended.set(caller.id, ended);
    this.#endedCount += ended.has(signature(id)) ? 0 : 1;
    ended.add(signature(id));
    if (this.#endedCount > this.#mostEnded) this.#forgetOne();
  }

  /** Forgets an ended session of the caller that ended the most: it must not displace those of others. */
  #forgetOne(): void {
    const [first, ...others] = this.#ended.values();
    if (first === undefined) return;
    const largest = others.reduce((most, next) => (next.size > most.size ? next : most), first);
    const [oldest] = largest;
    if (oldest !== undefined && largest.delete(oldest)) this.#endedCount -= 1;
  }
}

/** ASCII only: other characters take up to three bytes each, and the id goes into a header. */
function shortened(text: string): string {
  return text.slice(0, maxNameLength).replaceAll(/[^\x20-\x7e]/g, "?");
}

function signature(id: string): string {
  return id.slice(id.lastIndexOf(".") + 1);
}
