import type { Context } from "../../describer.ts";
import { objectIn, yes } from "../../look.ts";
import { listText, nameText } from "../../wording.ts";

/** Roles with their privileges, sorted; `undefined` for one that could not be read. */
export type Roles = ReadonlyMap<string, readonly string[] | undefined>;

/** Roles that are read for one plan. */
const maxRoles = 12;

/** Proxmox's own roles (PVE::AccessControl, `create_roles`), whose names say what they grant; they cannot be changed. */
const builtIn: ReadonlySet<string> = new Set([
  "Administrator",
  "NoAccess",
  "PVEAdmin",
  "PVEAuditor",
  "PVEDatastoreAdmin",
  "PVEDatastoreUser",
  "PVEMappingAdmin",
  "PVEMappingUser",
  "PVEPoolAdmin",
  "PVEPoolUser",
  "PVESDNAdmin",
  "PVESDNUser",
  "PVESysAdmin",
  "PVETemplateUser",
  "PVEUserAdmin",
  "PVEVMAdmin",
  "PVEVMUser",
]);

/** The role without privileges that overrules all others on its path (PVE::AccessControl, `roles`). */
export const noAccess = "NoAccess";

/** Privileges by what they allow, the gravest first; those that only look or use come last. */
const gravity: readonly RegExp[] = [
  /^Permissions\.Modify$/,
  /^Realm\./,
  /^User\.Modify$/,
  /^Group\.Allocate$/,
  /^Sys\.(?!Audit$|Syslog$)/,
  /^VM\.Allocate$/,
  /^Datastore\.Allocate(?:Template)?$/,
  /^VM\.GuestAgent\.(?!Audit$)|^VM\.Monitor$/,
  /^Mapping\.Modify$|^SDN\.Allocate$|^Pool\.Allocate$/,
  /^VM\.(?:Config\.|Console$|Migrate$|PowerMgmt$|Snapshot|Backup$|Clone$)/,
];

/** What only lets read or use something: the least of all. */
const harmless = /\.(?:Audit|Use)$/;

/** So many privileges of a role are named on line 2. */
const maxNamed = 2;

/** Whether the name of a role says what it grants. */
export function isBuiltIn(role: string): boolean {
  return builtIn.has(role);
}

/** Privileges, the gravest first. */
export function byGravity(privileges: readonly string[]): readonly string[] {
  const rank = (privilege: string) => {
    const at = gravity.findIndex((kind) => kind.test(privilege));
    return at >= 0 ? at : gravity.length + Number(harmless.test(privilege));
  };
  return privileges.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Reads roles, and binds the consent to their privileges. */
export async function readRoles({ look, facts }: Context, names: readonly string[]): Promise<Roles> {
  const read = await Promise.all(
    [...new Set(names)]
      .toSorted()
      .slice(0, maxRoles)
      .map(async (role) => {
        const row = objectIn(await look(["access", "roles", role]));
        const privileges =
          row &&
          Object.keys(row)
            .filter((key) => yes(row[key]))
            .toSorted();
        if (privileges !== undefined) facts.add(`privileges of role ${role}`, privileges.join(","), "privs");
        return [role, privileges] as const;
      }),
  );
  return new Map(read);
}

/**
 * `PVEAdmin`, `NoAccess (denies all rights)`, and of a role that is not Proxmox's own what it grants: `Viewer
 * (Permissions.Modify, Sys.Modify and 4 more)`.
 */
export function roleText(role: string, roles: Roles): string {
  if (role === noAccess) return `${noAccess} (denies all rights)`;
  if (isBuiltIn(role)) return nameText(role);
  const privileges = roles.get(role);
  if (privileges === undefined) return `${nameText(role)} (privileges not readable)`;
  if (privileges.length === 0) return `${nameText(role)} (no privileges)`;
  return `${nameText(role)} (${listText(
    byGravity(privileges).map((privilege) => nameText(privilege)),
    maxNamed,
  )})`;
}

/** Whether every role can be judged by its name or its privileges. */
export function areKnown(names: readonly string[], roles: Roles): boolean {
  return names.every((name) => isBuiltIn(name) || roles.get(name) !== undefined);
}
