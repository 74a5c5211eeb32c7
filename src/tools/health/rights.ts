/** What a token may do by path, as `GET /access/permissions` shows it: each privilege with 1 where it holds below, too. */
export type Permissions = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Whether the token holds a privilege on a path, `/storage/backups`: what is said of the nearest path above it counts. */
export function holds(permissions: Permissions, path: string, privilege: string): boolean {
  const own = permissions[path];
  if (own !== undefined) return Object.hasOwn(own, privilege);
  for (let at = parent(path); ; at = parent(at)) {
    const inherited = permissions[at];
    if (inherited !== undefined) return inherited[privilege] === 1;
    if (at === "/") return false;
  }
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
