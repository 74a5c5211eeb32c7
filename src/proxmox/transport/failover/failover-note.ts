import type { ProxmoxErrorKind, TransportError } from "../../errors/proxmox-error.ts";
import type { Endpoint } from "../endpoint.ts";
import type { NodeMap } from "./node-map.ts";

/** The endpoints that a request was given to, in this order, each with what it failed with, if it did. */
export type Attempts = ReadonlyMap<Endpoint, TransportError | undefined>;

/** Why not the first one answered, `pve1 did not answer, pve2 did`; `undefined` where it did. */
export function failoverNote(tried: Attempts, answeredBy: Endpoint, nodes: NodeMap): string | undefined {
  const order = [...tried];
  const place = order.findIndex(([endpoint]) => endpoint === answeredBy);
  const before = place < 0 ? order : order.slice(0, place);
  if (before.length === 0) return undefined;
  const failures = before.map(([endpoint, fault]) => `${nodes.nameOf(endpoint)} ${wordFailure(fault?.problem.kind)}`);
  return `${failures.join(", ")}, ${nodes.nameOf(answeredBy)} did`;
}

/** Without a failure it was still silent when another answered. */
function wordFailure(kind: ProxmoxErrorKind | undefined): string {
  switch (kind) {
    case "tls":
      return "did not answer with a certificate that is trusted";
    case "not-proxmox":
      return "did not answer as Proxmox VE";
    default:
      return "did not answer";
  }
}
