import { calls } from "./measures/calls.ts";
import { proxiedGet } from "./measures/latency.ts";
import { idleMemory, idleSseSession } from "./measures/memory.ts";
import { fleetBytes, fleetRequests } from "./measures/resources.ts";
import { schemaHold, schemaMemory, schemaReading } from "./measures/schema.ts";
import { startToAnswer } from "./measures/start.ts";
import { toolsListBytes } from "./measures/tools-list.ts";
import type { Programs } from "./programs.ts";
import type { Sample } from "./sample.ts";

/** What the product may cost, and how that is measured. */
export interface Budget {
  readonly what: string;
  /** What the samples count in. */
  readonly unit: string;
  /** What is held against the limit: a part of the other's figure, the difference to it, or the product's own. */
  readonly figure: "ratio" | "difference" | "own";
  readonly limit: { readonly atMost: number } | { readonly atLeast: number };
  measure(programs: Programs): Promise<readonly Sample[]>;
}

/** Every budget. A new one is a row here and its measure. */
export const budgets: readonly Budget[] = [
  {
    what: "tools/list, two clusters",
    unit: "B",
    figure: "own",
    limit: { atMost: 12_000 },
    measure: toolsListBytes,
  },
  {
    what: "500 guests through get_cluster_resources",
    unit: "B",
    figure: "own",
    limit: { atMost: 30_000 },
    measure: fleetBytes,
  },
  {
    what: "requests to each cluster for them",
    unit: "",
    figure: "own",
    limit: { atMost: 1 },
    measure: fleetRequests,
  },
  {
    what: "start to the first answered /healthz, over hello",
    unit: "ms",
    figure: "ratio",
    limit: { atMost: 6 },
    measure: startToAnswer,
  },
  {
    what: "idle memory (RSS), over hello",
    unit: "MiB",
    figure: "ratio",
    limit: { atMost: 2 },
    measure: idleMemory,
  },
  {
    what: "tools/call on /mcp, 2026-07-28, over bare",
    unit: "calls/CPU-s",
    figure: "ratio",
    limit: { atLeast: 0.4 },
    measure: calls("modern"),
  },
  {
    what: "tools/call on /mcp, 2025-06-18, over bare",
    unit: "calls/CPU-s",
    figure: "ratio",
    limit: { atLeast: 0.4 },
    measure: calls("session"),
  },
  {
    what: "tools/call on /sse, over bare",
    unit: "calls/CPU-s",
    figure: "ratio",
    limit: { atLeast: 0.5 },
    measure: calls("sse"),
  },
  {
    what: "one more idle SSE session",
    unit: "KiB",
    figure: "own",
    limit: { atMost: 40 },
    measure: idleSseSession,
  },
  {
    what: "added latency of a proxied GET over a direct one (p50)",
    unit: "ms",
    figure: "difference",
    limit: { atMost: 0.5 },
    measure: proxiedGet,
  },
  {
    what: "reading an API description of 4 MB, over parsing its JSON",
    unit: "ms",
    figure: "ratio",
    limit: { atMost: 5 },
    measure: schemaReading,
  },
  {
    what: "longest hold of the event loop by it and its search index",
    unit: "ms",
    figure: "own",
    limit: { atMost: 50 },
    measure: schemaHold,
  },
  {
    what: "heap for the descriptions of two versions, searched",
    unit: "MiB",
    figure: "own",
    limit: { atMost: 10 },
    measure: schemaMemory,
  },
];
