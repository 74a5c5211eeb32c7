import { z } from "zod";
import type { CheckResult } from "./finding.ts";

/** `GET /access/permissions`: by path the privileges held there, each 1 when it also holds below. */
export const permissionsForm = z.record(z.string(), z.record(z.string(), z.unknown()));

type Permissions = z.infer<typeof permissionsForm>;

/** How much of a kind of things a token may see. */
type Reach = "all" | "some" | "no";

/** The kinds of things that a token may see: where they stand, and which privileges show them. */
const kinds: readonly { readonly name: string; readonly root: string; readonly shows: readonly string[] }[] = [
  { name: "guests", root: "/vms", shows: ["VM.Audit"] },
  { name: "nodes", root: "/nodes", shows: ["Sys.Audit"] },
  { name: "storage", root: "/storage", shows: ["Datastore.Audit", "Datastore.AllocateSpace"] },
];

/** What privileges change, by how their names begin. */
const changes: readonly (readonly [privileges: RegExp, what: string])[] = [
  [/^VM\./, "guests"],
  [/^Datastore\./, "storage"],
  [/^Sys\./, "nodes"],
  [/^(?:Permissions|User|Group|Realm)\./, "accounts"],
];

/** What a token may do, summarized. A token without any rights gets empty lists from Proxmox, and no error. */
export function privilegesFound(permissions: Permissions, user: string, token: string): CheckResult {
  const check = "privileges";
  if (Object.values(permissions).every((held) => Object.keys(held).length === 0)) {
    return {
      check,
      verdict: "fail",
      text: `${token} has no rights at all: Proxmox answers it with empty lists`,
      next: `Let it look, on a node: ${grant(user, token)}`,
      facts: { sees: { guests: "no", nodes: "no", storage: "no" }, changes: [] },
    };
  }
  const sees = kinds.map(({ name, root, shows }) => ({ name, reach: reachOf(permissions, root, shows) }));
  const touches = touched(permissions);
  const text = `${token} sees ${seen(sees)}, and may change ${touches.length === 0 ? "nothing" : touches.join(", ")}`;
  const facts = { sees: Object.fromEntries(sees.map(({ name, reach }) => [name, reach])), changes: touches };
  if (sees.every(({ reach }) => reach === "all")) return { check, verdict: "ok", text, facts };
  const next = `Lists leave out what it may not see. If it should see everything, on a node: ${grant(user, token)}`;
  return { check, verdict: "warn", text, next, facts };
}

/** `all guests, all nodes, no storage`. */
function seen(sees: readonly { readonly name: string; readonly reach: Reach }[]): string {
  if (sees.every(({ reach }) => reach === "all")) return "all guests, nodes and storage";
  return sees.map(({ name, reach }) => `${reach} ${name}`).join(", ");
}

function reachOf(permissions: Permissions, root: string, shows: readonly string[]): Reach {
  if (shows.some((privilege) => permissions[root]?.[privilege] === 1)) return "all";
  const below = Object.entries(permissions).filter(([path]) => path.startsWith(`${root}/`));
  return below.some(([, held]) => shows.some((privilege) => privilege in held)) ? "some" : "no";
}

function touched(permissions: Permissions): string[] {
  const held = new Set(Object.values(permissions).flatMap((privileges) => Object.keys(privileges)));
  const active = [...held].filter((privilege) => !privilege.endsWith(".Audit"));
  return changes.filter(([pattern]) => active.some((privilege) => pattern.test(privilege))).map(([, what]) => what);
}

/** A token with privilege separation has only what both it and its user hold, so both need the role. */
function grant(user: string, token: string): string {
  return (
    `pveum acl modify / --users ${user} --roles PVEAuditor (and PVEVMAdmin at /vms to change guests); ` +
    `unless the token was made with --privsep 0, the token needs the same: pveum acl modify / --tokens '${token}' --roles PVEAuditor`
  );
}
