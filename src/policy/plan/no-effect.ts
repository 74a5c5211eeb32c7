import { formatPath } from "../../proxmox/path.ts";
import type { Planned } from "./plan.ts";

/** A request that would have no effect in the present state of the cluster, so no consent is asked for. Nothing was sent. */
export class NoEffect extends Error {
  override readonly name = "NoEffect";

  constructor({ request, cluster }: Pick<Planned, "request" | "cluster">, why: string) {
    super(`${request.method} ${formatPath(request.path)} on ${cluster.name} was not sent: ${why}.`);
  }
}
