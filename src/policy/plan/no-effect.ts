import { formatPath } from "../../proxmox/path.ts";
import type { Planned } from "./plan.ts";

/** A request that could not do anything, as the cluster is now; nobody is asked about it. Nothing was sent. */
export class NoEffect extends Error {
  override readonly name = "NoEffect";

  constructor({ request, cluster }: Pick<Planned, "request" | "cluster">, why: string) {
    super(`${request.method} ${formatPath(request.path)} on ${cluster.name} was not sent: ${why}.`);
  }
}
