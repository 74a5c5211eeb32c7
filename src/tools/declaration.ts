import type { z } from "zod";

/** How a tool takes the `cluster` argument, which is added to its schema in one place. */
export type ClusterArgument =
  /** Not at all: the tool speaks of every cluster. */
  | "none"
  /** In each of its `requests`: a name, or `*`. */
  | "each"
  /** A name, or `*` (and nothing) for all of them: reads only. */
  | "any"
  /** Exactly one; may be left out only where one is configured. */
  | "one"
  /** Exactly one; may be left out where another argument is known on one cluster alone. */
  | "found";

/** MCP's hints about a tool, all of them said: a client that reads none assumes the worst. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** All of a tool that a client sees. */
export interface ToolDeclaration {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly cluster: ClusterArgument;
  /** Its own arguments, without `cluster`. */
  readonly input: z.ZodRawShape;
  readonly annotations: ToolAnnotations;
}
