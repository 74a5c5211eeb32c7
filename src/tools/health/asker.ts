import PQueue from "p-queue";
import { ZodError } from "zod";
import { PolicyRefusal } from "../../policy/refusal.ts";
import { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import type { Params } from "../../proxmox/params.ts";
import type { ToolContext } from "../tool.ts";
import type { Reading } from "./queries.ts";
import { type Gap, reasonOf } from "./skipped-checks.ts";

/** What a question came to. */
export type Outcome<T> =
  | { readonly value: T; readonly date: Date | undefined; readonly error?: undefined }
  | { readonly error: ProxmoxError | PolicyRefusal | ZodError };

/** Asks one cluster, so many questions at a time and for so long, and remembers what it could not learn. */
export interface QueryRunner {
  readonly gaps: Gap[];
  /** Asks, and leaves it to the caller to say what is missing. */
  attempt<T>(reading: Pick<Reading<T>, "path" | "parse"> & { readonly params?: Params }): Promise<Outcome<T>>;
  /** Asks; what cannot be learned is `undefined`, and a gap. `node` is where the question goes, for people. */
  read<T>(reading: Reading<T>, node?: string): Promise<T | undefined>;
}

/** How many questions a cluster is asked at a time. It leaves other calls of its caller some of the 20 read slots. */
const parallel = 12;

/** How long one question may take, in milliseconds: longer than the 5 s after which a silent endpoint is passed over. */
const questionMs = 8_000;

/** How long all questions to a cluster may take, in milliseconds: clients give up on a tool after 60 s or more. */
const allMs = 25_000;

export function asker({ proxmox, signal }: ToolContext, cluster: string): QueryRunner {
  const queue = new PQueue({ concurrency: parallel });
  const within = AbortSignal.any([signal, AbortSignal.timeout(allMs)]);
  const gaps: Gap[] = [];

  const attempt: QueryRunner["attempt"] = async ({ path, params, parse }) => {
    try {
      return await queue.add(async () => {
        const request = { method: "GET", path, plain: true, signal: within, timeoutMs: questionMs } as const;
        using answer = await proxmox.request(cluster, { ...request, ...(params !== undefined && { params }) });
        const received = Date.now() / 1000;
        const sent = answer.sentAt === undefined ? received : answer.sentAt.getTime() / 1000;
        return { value: parse(answer.data, { sent, received }), date: answer.date };
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProxmoxError || error instanceof PolicyRefusal || error instanceof ZodError)
        return { error };
      throw error;
    }
  };

  const atMost = <T>({ label, most }: Reading<T>, value: T): T => {
    if (most === undefined || !Array.isArray(value) || value.length <= most) return value;
    gaps.push({ what: `${value.length - most} more ${label}`, reason: `only ${most} are looked at` });
    return value.slice(0, most) as T;
  };

  return {
    gaps,
    attempt,
    async read(reading, node) {
      const outcome = await attempt(reading);
      if (outcome.error === undefined) return atMost(reading, outcome.value);
      gaps.push({ what: reading.label, node, reason: reasonOf(outcome.error) });
      return undefined;
    },
  };
}
