import type { ClusterConfig, Config } from "../../config/types.ts";
import { type Caller, rightsOf } from "./caller.ts";

/** Why what runs for a caller on clusters must end, as a clause; `undefined` when it may go on. */
export type Revoked = (caller: Caller, clusters: Iterable<string>) => string | undefined;

/**
 * What a reload took away: callers that were removed, renamed or got another token; clusters that were removed, moved to
 * other servers, or are not this caller's any more.
 */
export function revocation(before: Config, now: Config): Revoked {
  const gone = new Set(before.clusters.filter((old) => !now.clusters.some((next) => isSame(old, next))).map(nameOf));
  return (caller, clusters) => {
    const rights = rightsOf(caller, now);
    if (rights === undefined) {
      return `the caller ${caller.name} was removed from the configuration, or changed its name or token`;
    }
    for (const name of clusters) {
      if (gone.has(name)) return `the cluster ${name} was removed from the configuration`;
      if (rights.clusters?.includes(name) === false)
        return `the cluster ${name} was taken from the caller ${caller.name}`;
    }
    return undefined;
  };
}

/** A cluster may get and lose endpoints; one that has none of the old ones is another cluster under the same name. */
function isSame(old: ClusterConfig, next: ClusterConfig): boolean {
  return old.name === next.name && old.endpoints.some((endpoint) => next.endpoints.includes(endpoint));
}

function nameOf({ name }: ClusterConfig): string {
  return name;
}
