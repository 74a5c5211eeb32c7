import { tools } from "../../src/tools/catalog/index.ts";
import { placesOf } from "../support/tool-arguments.ts";

/** A place in a tool's arguments: the call's JSON with another value there. */
export interface ArgumentPlace {
  readonly tool: string;
  /** `requests.0.path`. */
  readonly name: string;
  /** The arguments with this JSON in the place. */
  with(json: string): string;
}

/** Stands for the value; no JSON that a test sends holds it. */
const marker = "@@place@@";

/** Every place of every tool's arguments, all of them as one value, and a parameter of each object with free keys. */
export const argumentPlaces: readonly ArgumentPlace[] = tools.flatMap((tool) => [
  { tool: tool.name, name: "(all)", with: (json: string) => json },
  ...placesOf(tool).flatMap(({ at, schema, put }) => {
    const place = (name: string, args: (value: unknown) => unknown) => ({
      tool: tool.name,
      name,
      with: (json: string) => JSON.stringify(args(marker)).replace(JSON.stringify(marker), () => json),
    });
    const isFree = schema.type === "object" && schema.properties === undefined;
    return [place(at, put), ...(isFree ? [place(`${at}.memory`, (value) => put({ memory: value }))] : [])];
  }),
]);
