import { anyone, type Check, knownPaths, may, on, type Permission, privileges } from "./access.ts";
import { type Call, del, type Endpoint, get, post, put } from "./endpoint.ts";
import { died } from "./failure.ts";
import { flag, integer, list, optional, text } from "./schema.ts";
import type { User } from "./world.ts";

const selfOr = (path: string, privilege: string): Permission => {
  const check: Check = ["or", ["userid-param", "self"], ["perm", path, [privilege]]];
  return { check };
};
const guarded = (failure: string) => ({ file: "user_cfg", failure });

function find(call: Call): User {
  const user = call.world.users.get(call.text("userid"));
  if (user === undefined) throw died(`no such user ('${call.text("userid")}')`);
  return user;
}

function details({ comment, email, enable, expire }: User): object {
  return { enable, expire, ...(comment === undefined ? {} : { comment }), ...(email === undefined ? {} : { email }) };
}

/** Every known path on which the caller holds anything. */
function permissions(call: Call): object {
  const { world, who } = call;
  const paths = call.text("path") === "" ? [...knownPaths(world)] : [call.text("path")];
  const rows = paths.map((path) => [path, Object.fromEntries(privileges(world, who, path))] as const);
  return Object.fromEntries(rows.filter(([, held]) => Object.keys(held).length > 0));
}

function changeAcl(call: Call): void {
  const { acl, roles } = call.world;
  const words = (name: string): string[] =>
    call
      .text(name)
      .split(/[,; \0]+/)
      .filter((it) => it !== "");
  const propagate = call.number("propagate", 1) === 1 ? 1 : 0;
  const path = call.text("path");
  for (const roleid of words("roles")) {
    if (!roles.has(roleid)) throw died(`ACL update failed: role '${roleid}' does not exist`);
    for (const type of ["user", "group", "token"] as const)
      for (const ugid of words(`${type}s`)) {
        const index = acl.findIndex((it) => it.path === path && it.roleid === roleid && it.ugid === ugid);
        if (index >= 0) acl.splice(index, 1);
        if (call.params["delete"] !== 1) acl.push({ path, type, ugid, roleid, propagate });
      }
  }
}

const tokenTakes = optional({
  comment: text("A note."),
  expire: integer("When it ends, seconds since 1970; 0 for never.", { minimum: 0 }),
  privsep: flag("It has only the rights given to it apart.", { default: 1 }),
});

export const accountEndpoints: readonly Endpoint[] = [
  get("/access/users", {
    does: "The users.",
    needs: anyone,
    gives: "array",
    run: ({ world, who }) =>
      [...world.users]
        .filter(([userid]) => userid === who.user || may(world, who, "/access/groups", "Sys.Audit"))
        .map(([userid, user]) => ({ userid, "realm-type": userid.split("@")[1], ...details(user) })),
  }),
  get("/access/users/{userid}", {
    does: "A user.",
    needs: selfOr("/access/groups", "Sys.Audit"),
    run: (call) => {
      const groups = [...call.world.groups].filter(([, it]) => it.users.has(call.text("userid"))).map(([name]) => name);
      return {
        ...details(find(call)),
        groups,
        tokens: Object.fromEntries([...find(call).tokens].map(([id, it]) => [id, row(it)])),
      };
    },
  }),
  get("/access/users/{userid}/token", {
    does: "A user's API tokens.",
    needs: selfOr("/access/groups", "User.Modify"),
    gives: "array",
    run: (call) => [...find(call).tokens].map(([tokenid, token]) => ({ tokenid, ...row(token) })),
  }),
  post("/access/users/{userid}/token/{tokenid}", {
    does: "Create an API token; its secret is shown once.",
    needs: selfOr("/access/groups", "User.Modify"),
    takes: tokenTakes,
    gives: "object",
    quorum: guarded("generating token failed"),
    run: (call) => {
      const { tokens } = find(call);
      const id = call.text("tokenid");
      if (tokens.has(id)) throw died(`Token already exists.`);
      const secret = crypto.randomUUID();
      const token = {
        secret,
        comment: call.text("comment") || undefined,
        expire: call.number("expire"),
        privsep: privsep(call),
      };
      tokens.set(id, token);
      return { "full-tokenid": `${call.text("userid")}!${id}`, info: row(token), value: secret };
    },
  }),
  del("/access/users/{userid}/token/{tokenid}", {
    does: "Delete an API token.",
    needs: selfOr("/access/groups", "User.Modify"),
    quorum: guarded("deleting token failed"),
    run: (call) => {
      if (!find(call).tokens.delete(call.text("tokenid")))
        throw died(`no such token '${call.text("tokenid")}' for user '${call.text("userid")}'`);
    },
  }),
  get("/access/groups", {
    does: "The groups.",
    needs: anyone,
    gives: "array",
    run: ({ world, who }) =>
      [...world.groups]
        .filter(([groupid]) => may(world, who, `/access/groups/${groupid}`, "Sys.Audit"))
        .map(([groupid, { comment, users }]) => ({
          groupid,
          users: [...users].join(","),
          ...(comment === undefined ? {} : { comment }),
        })),
  }),
  get("/access/roles", {
    does: "The roles and their privileges.",
    needs: anyone,
    gives: "array",
    run: ({ world }) =>
      [...world.roles].map(([roleid, it]) => ({ roleid, special: it.special, privs: it.privileges.join(",") })),
  }),
  get("/access/acl", {
    does: "Who has which role where.",
    needs: anyone,
    gives: "array",
    run: ({ world, who }) => world.acl.filter(({ path }) => may(world, who, path, "Sys.Audit")),
  }),
  put("/access/acl", {
    does: "Give or take roles.",
    needs: on("{path}", "Permissions.Modify"),
    takes: {
      path: text("Where."),
      roles: list("The roles."),
      ...optional({
        delete: flag("Take them away."),
        groups: list("Groups."),
        propagate: flag("Below the path too.", { default: 1 }),
        tokens: list("Tokens, `user@realm!name`."),
        users: list("Users."),
      }),
    },
    quorum: guarded("ACL update failed"),
    run: changeAcl,
  }),
  get("/access/domains", {
    does: "The realms.",
    needs: anyone,
    gives: "array",
    run: () => [
      { realm: "pam", type: "pam", comment: "Linux PAM standard authentication" },
      { realm: "pve", type: "pve", comment: "Proxmox VE authentication server" },
    ],
  }),
  get("/access/permissions", {
    does: "What the caller may do where.",
    needs: anyone,
    takes: optional({ path: text("Only this path."), userid: text("Another user or token.") }),
    run: permissions,
  }),
  put("/access/password", {
    does: "Change a password.",
    needs: anyone,
    tokens: false,
    takes: {
      userid: text("The user.", { format: "pve-userid" }),
      password: text("The new password.", { minLength: 8, maxLength: 64 }),
    },
    run: () => null,
  }),
];

function row({
  comment,
  expire,
  privsep: separate,
}: {
  comment: string | undefined;
  expire: number;
  privsep: 0 | 1;
}): object {
  return { expire, privsep: separate, ...(comment === undefined ? {} : { comment }) };
}

function privsep(call: Call): 0 | 1 {
  return call.number("privsep", 1) === 1 ? 1 : 0;
}
