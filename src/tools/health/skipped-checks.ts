import { ZodError } from "zod";
import { PolicyRefusal } from "../../policy/refusal.ts";
import type { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import { listed, quoted } from "./wording.ts";

/** Something that could not be looked at. */
export interface Gap {
  /** `updates` */
  readonly what: string;
  readonly node?: string | undefined;
  /** `the token lacks Sys.Modify on /nodes/{node}` */
  readonly reason: string;
}

/** Why something could not be looked at, in the words that the same reason always has. */
export function reasonOf(error: ProxmoxError | PolicyRefusal | ZodError): string {
  if (error instanceof PolicyRefusal) return "the configuration withholds it (allow, deny)";
  if (error instanceof ZodError) return "the answer has an unknown form";
  const { kind, details, what } = error;
  switch (kind) {
    case "privilege":
      if (details.privileges === undefined) return "the token lacks the right";
      return `the token lacks ${details.privileges.join(" or ")} on ${details.aclPath?.replace(/^\/nodes\/[^/]+/, "/nodes/{node}")}`;
    case "unknown-endpoint":
      return "this version of Proxmox VE lacks it";
    case "timeout":
    case "node-timeout":
      return "no answer in time";
    case "aborted":
      return "no time was left";
    default:
      return quoted(what);
  }
}

/** All gaps of a cluster on one line, what has the same reason on the same nodes together; `undefined` without any. */
export function gapLine(cluster: string, gaps: readonly Gap[]): string | undefined {
  if (gaps.length === 0) return undefined;
  const things = [...Map.groupBy(gaps, ({ what, reason }) => `${what} ${reason}`).values()].map((of) => ({
    what: of[0]?.what ?? "",
    reason: of[0]?.reason ?? "",
    nodes: listed(
      of.flatMap(({ node }) => node ?? []),
      4,
    ),
  }));
  const parts = [...Map.groupBy(things, ({ reason, nodes }) => `${nodes} ${reason}`).values()].map((of) => {
    const { reason = "", nodes = "" } = of[0] ?? {};
    return `${of.map(({ what }) => what).join(", ")}${nodes === "" ? "" : ` on ${nodes}`} (${reason})`;
  });
  return `Not looked at on ${cluster}: ${parts.join("; ")}.`;
}
