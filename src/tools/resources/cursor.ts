import { createHash } from "node:crypto";
import { z } from "zod";
import { ToolFailure } from "../failure.ts";
import type { Place } from "./order.ts";

const form = z.tuple([
  z.string(),
  z.union([z.number(), z.string(), z.null()]),
  z.int(),
  z.int(),
  z.number(),
  z.string(),
]);

/** Where a page ended, for the next call with the same arguments. It holds nothing that the page did not show. */
export function writeCursor({ by, section, cluster, vmid, id }: Place, question: unknown): string {
  return Buffer.from(JSON.stringify([digest(question), by, section, cluster, vmid, id])).toString("base64url");
}

/**
 * The place that a cursor names.
 * @throws {ToolFailure} for one that is none, or was given for another question.
 */
export function readCursor(text: string, question: unknown): Place {
  const { data } = form.safeParse(parse(text));
  if (data === undefined)
    throw new ToolFailure(
      "cursor: not one that an earlier answer returned. Call without it to start from the beginning.",
    );
  const [asked, by, section, cluster, vmid, id] = data;
  if (asked !== digest(question)) {
    throw new ToolFailure(
      "cursor: it belongs to a list with other arguments. Keep cluster, type, search, sort and fields as they were, or call without it.",
    );
  }
  return { by, section, cluster, vmid, id };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString());
  } catch {
    return undefined;
  }
}

function digest(question: unknown): string {
  return createHash("sha256").update(JSON.stringify(question)).digest("base64url").slice(0, 8);
}
