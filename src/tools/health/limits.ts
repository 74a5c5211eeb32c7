import { maxTasks, taskDays } from "./queries.ts";
import { holdsOnAll } from "./rights.ts";
import type { Gap } from "./skipped-checks.ts";
import type { HealthSnapshot } from "./snapshot.ts";

/**
 * What an answer did not show though it came: Proxmox filters lists by the token's rights without a word, and the list
 * of tasks ends somewhere.
 */
export function noteLimits({
  guests,
  storages,
  nodes,
  permissions,
}: HealthSnapshot<"permissions" | "tasks">): readonly Gap[] {
  const full = nodes.filter(({ tasks }) => tasks !== undefined && tasks.length >= maxTasks);
  const early = full.map(({ name }) => ({
    what: "earlier tasks",
    node: name,
    reason: `more than ${maxTasks} in ${taskDays} days`,
  }));
  return [...early, ...hidden()];

  function hidden(): Gap[] {
    if (permissions === undefined) {
      // Without the rights at hand, only a list with nothing in it is suspicious.
      const empty = [guests.length === 0 ? "guests" : [], storages.length === 0 ? "storages" : []].flat();
      return empty.map((what) => ({ what, reason: "none is visible, perhaps for lack of rights" }));
    }
    const limits = [
      { path: "/vms", privileges: ["VM.Audit"], what: beyond(guests.length, "guest") },
      {
        path: "/storage",
        privileges: ["Datastore.Audit", "Datastore.AllocateSpace"],
        what: beyond(new Set(storages.map(({ name }) => name)).size, "storage"),
      },
      { path: "/nodes", privileges: ["Sys.Audit"], what: "tasks of other users" },
    ];
    return limits.flatMap(({ path, privileges, what }) =>
      holdsOnAll(permissions, path, privileges)
        ? []
        : [{ what, reason: `the token lacks ${privileges.join(" or ")} on ${path}` }],
    );
  }
}

function beyond(visible: number, thing: string): string {
  return visible === 0 ? `${thing}s, of which none is visible` : `${thing}s beyond the ${visible} visible`;
}
