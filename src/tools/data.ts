import { z } from "zod";
import { type Params, parseParams } from "../proxmox/params.ts";

/** The parameters of a request, as an argument of a tool; {@link readData} reads it. */
export function dataArgument(description: string) {
  // What it may hold is for the floor to say that sends it; a record of zod's would drop the name `__proto__`.
  return z.unknown().optional().meta({ type: "object", description });
}

/**
 * The parameters that were given as `data`.
 * @throws {ParamsError} that names what Proxmox could not read.
 */
export function readData(given: unknown): Params {
  const data = fromJsonText(given);
  // Models write nothing as an empty text, or as null.
  return parseParams(data === null || (typeof data === "string" && data.trim() === "") ? undefined : data);
}

/** Models often send an object or a list as its JSON text. What does not parse stays a string, and is refused as one. */
export function fromJsonText(given: unknown): unknown {
  if (typeof given !== "string") return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
