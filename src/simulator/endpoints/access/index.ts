import type { Endpoint } from "../../endpoint.ts";
import { aclEndpoints } from "./acl.ts";
import { groupEndpoints } from "./groups.ts";
import { roleEndpoints } from "./roles.ts";
import { tokenEndpoints } from "./tokens.ts";
import { userEndpoints } from "./users.ts";

/** All of `/access`. */
export const accountEndpoints: readonly Endpoint[] = [
  ...userEndpoints,
  ...tokenEndpoints,
  ...groupEndpoints,
  ...roleEndpoints,
  ...aclEndpoints,
];
