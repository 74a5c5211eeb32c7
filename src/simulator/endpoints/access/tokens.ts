import type { Permission } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { flag, integer, list, optional, text } from "../../schema.ts";
import { type Token, words } from "../../state/state.ts";
import { findUser, guarded, tokenRow } from "./user.ts";

function find(call: SimulatedCall): Token {
  const token = findUser(call).tokens.get(call.text("tokenid"));
  if (token === undefined) throw died(`no such token '${call.text("tokenid")}' for user '${call.text("userid")}'`);
  return token;
}

function create(call: SimulatedCall): object {
  const { tokens } = findUser(call);
  const { tokenid, userid, comment, expire, privsep } = call.params;
  const id = String(tokenid);
  if (tokens.has(id)) throw refused({ tokenid: "Token already exists." });
  const token: Token = {
    secret: crypto.randomUUID(),
    comment: call.text("comment") || undefined,
    expire: call.number("expire"),
    privsep: call.number("privsep", 1) === 1 ? 1 : 0,
  };
  tokens.set(id, token);
  // The values that were given, as text; recorded in `alpha-privsep.json`.
  const given = Object.entries({ comment, expire, privsep: privsep ?? 1 }).filter(([, value]) => value !== undefined);
  const info = Object.fromEntries(given.map(([key, value]) => [key, String(value)]));
  return { "full-tokenid": `${userid}!${id}`, info, value: token.secret };
}

function update(call: SimulatedCall): object {
  const token = find(call);
  const { params } = call;
  const gone = words(call.text("delete"));
  const unknown = gone.find((key) => key !== "comment");
  if (unknown !== undefined) throw refused({ delete: `unknown option '${unknown}'` });
  if (params["privsep"] !== undefined) token.privsep = params["privsep"] === 1 ? 1 : 0;
  if (params["expire"] !== undefined) token.expire = call.number("expire");
  if (params["comment"] !== undefined) token.comment = call.text("comment") || undefined;
  if (gone.length > 0) token.comment = undefined;
  if (params["regenerate"] !== 1) return tokenRow(token);
  token.secret = crypto.randomUUID();
  const full = `${call.text("userid")}!${call.text("tokenid")}`;
  return { ...tokenRow(token), "full-tokenid": full, value: token.secret };
}

const needs: Permission = { check: ["or", ["userid-param", "self"], ["userid-group", ["User.Modify"]]] };
const path = "/access/users/{userid}/token";
const settings = optional({
  comment: text("A note."),
  expire: integer("When it ends, seconds since 1970; 0 for never.", { minimum: 0 }),
  privsep: flag("It has only the rights given to it apart.", { default: 1 }),
});

/** API tokens of users. */
export const tokenEndpoints: readonly Endpoint[] = [
  get(path, {
    does: "A user's API tokens.",
    needs,
    gives: "array",
    run: (call) => [...findUser(call).tokens].map(([tokenid, token]) => ({ tokenid, ...tokenRow(token) })),
  }),
  get(`${path}/{tokenid}`, { does: "An API token.", needs, run: (call) => tokenRow(find(call)) }),
  post(`${path}/{tokenid}`, {
    does: "Create an API token; its secret is shown once.",
    needs,
    takes: settings,
    gives: "object",
    quorum: guarded("generating token failed"),
    run: create,
  }),
  put(`${path}/{tokenid}`, {
    does: "Change an API token, or give it another secret.",
    needs,
    takes: {
      ...settings,
      ...optional({ delete: list("Settings to remove."), regenerate: flag("Make a new secret; the old one ends.") }),
    },
    gives: "object",
    quorum: guarded("updating token info failed"),
    run: update,
  }),
  del(`${path}/{tokenid}`, {
    does: "Delete an API token.",
    needs,
    quorum: guarded("deleting token failed"),
    run: (call) => {
      find(call);
      findUser(call).tokens.delete(call.text("tokenid"));
    },
  }),
];
