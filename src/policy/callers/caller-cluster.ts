import type { SchemaLookup } from "../../apidoc/cache/schema-cache.ts";
import type { Cluster } from "../../clusters.ts";
import type { Sender } from "../../proxmox/request.ts";

/** A cluster as one call sees it: every request, of a tool or of the policy itself, is sent on behalf of the call's caller. */
export interface CallerCluster extends Pick<Cluster, "name" | "config"> {
  readonly client: Sender;
}

/** The same, with the cluster's API schema, which is read once for all callers. */
export interface DescribedCluster extends CallerCluster {
  /**
   * The schema, or why there is none.
   * @param options `recent` wants one that was confirmed a moment ago.
   * @throws the signal's reason when that is aborted.
   */
  schema(signal: AbortSignal, options?: { readonly recent: boolean }): Promise<SchemaLookup>;
}
