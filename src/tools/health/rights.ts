/**
 * Privileges of a token by path, as `GET /access/permissions` shows them: 1 where a privilege also holds below, else 0. A
 * path without privileges has no row, `/vms`, `/nodes` and `/storage` too (recorded).
 */
export type Permissions = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Whether the token has a privilege on one object, `/storage/backups`; without a row, the nearest path above counts. */
export function holds(permissions: Permissions, path: string, privilege: string): boolean {
  const own = permissions[path];
  if (own !== undefined) return Object.hasOwn(own, privilege);
  for (let at = parent(path); ; at = parent(at)) {
    const inherited = permissions[at];
    if (inherited !== undefined) return inherited[privilege] === 1;
    if (at === "/") return false;
  }
}

/** Whether the token has one of the privileges on every object below `/vms`, `/nodes` or `/storage`. */
export function holdsOnAll(permissions: Permissions, root: string, privileges: readonly string[]): boolean {
  const below = Object.entries(permissions).filter(([path]) => path.startsWith(`${root}/`));
  return (
    privileges.some((privilege) => permissions[root]?.[privilege] === 1) &&
    below.every(([, held]) => privileges.some((privilege) => Object.hasOwn(held, privilege)))
  );
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
