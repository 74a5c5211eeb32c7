import type { SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import type { Token, User } from "../../state/state.ts";

/** How a write to `user.cfg` fails without quorum. */
export const guarded = (failure: string) => ({ file: "user_cfg", failure });

/** The user that the call's path names, or Proxmox's text for one that does not exist. */
export function findUser(call: SimulatedCall): User {
  const user = call.world.users.get(call.text("userid"));
  if (user === undefined) throw died(`no such user ('${call.text("userid")}')`);
  return user;
}

/** A token as answers show it: without its secret. */
export function tokenRow({ comment, expire, privsep }: Token): object {
  return { expire, privsep, ...(comment === undefined ? {} : { comment }) };
}
