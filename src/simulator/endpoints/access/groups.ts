import { anyone, mayAny, on, onAny } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { text } from "../../schema.ts";
import type { Group } from "../../state/state.ts";
import { guarded } from "./user.ts";

function find(call: SimulatedCall, failure = ""): Group {
  const group = call.world.groups.get(call.text("groupid"));
  if (group === undefined) throw died(`${failure}group '${call.text("groupid")}' does not exist`);
  return group;
}

const allocate = on("/access/groups", "Group.Allocate");
const note = { comment: text("A note.", { optional: 1 }) };

/** Groups of users. */
export const groupEndpoints: readonly Endpoint[] = [
  get("/access/groups", {
    does: "The groups.",
    needs: anyone,
    gives: "array",
    run: ({ world, who }) =>
      [...world.groups]
        .filter(([id]) => mayAny(world, who, `/access/groups/${id}`, "User.Modify", "Sys.Audit", "Group.Allocate"))
        .map(([groupid, { comment, users }]) => ({ groupid, users: [...users].sort().join(","), comment })),
  }),
  post("/access/groups", {
    does: "Create a group.",
    needs: allocate,
    takes: { groupid: text("Its name."), ...note },
    quorum: guarded("create group failed"),
    run: (call) => {
      const groupid = call.text("groupid");
      if (call.world.groups.has(groupid)) throw died(`create group failed: group '${groupid}' already exists`);
      call.world.groups.set(groupid, { comment: call.text("comment") || undefined, users: new Set() });
    },
  }),
  get("/access/groups/{groupid}", {
    does: "A group with its members.",
    needs: onAny("/access/groups", "Sys.Audit", "Group.Allocate"),
    lists: ["members"],
    run: (call) => {
      const { comment, users } = find(call);
      return { comment, members: [...users] };
    },
  }),
  put("/access/groups/{groupid}", {
    does: "Change a group's note.",
    needs: allocate,
    takes: note,
    quorum: guarded("update group failed"),
    run: (call) => {
      const group = find(call, "update group failed: ");
      if (call.params["comment"] !== undefined) group.comment = call.text("comment");
    },
  }),
  del("/access/groups/{groupid}", {
    does: "Delete a group and its ACL entries.",
    needs: allocate,
    quorum: guarded("delete group failed"),
    run: (call) => {
      const { acl, groups } = call.world;
      find(call, "delete group failed: ");
      groups.delete(call.text("groupid"));
      acl.splice(0, acl.length, ...acl.filter((it) => it.type !== "group" || it.ugid !== call.text("groupid")));
    },
  }),
];
