import { z } from "zod";
import type { Method } from "../proxmox/message.ts";

/** The API's methods, in whatever letters a model writes them. */
export const methodArgument = z.preprocess(
  (given) => (typeof given === "string" ? given.toUpperCase() : given),
  z.enum(["GET", "POST", "PUT", "DELETE"]),
);

/** A path as it was written, and the method before it, if there is one: models copy `PUT /nodes/...` whole from a search. */
export function splitMethod(text: string): { readonly written: Method | undefined; readonly path: string } {
  const [, method, path] = /^\s*(GET|POST|PUT|DELETE)\s+(.*)$/is.exec(text) ?? [];
  return { written: method?.toUpperCase() as Method | undefined, path: (path ?? text).trim() };
}
