import type { z } from "zod";
import type { Proxmox } from "../policy/guard.ts";
import { argumentReader } from "./arguments.ts";
import { ToolFailure } from "./failure.ts";
import { withDetours } from "./output/failover-notes.ts";

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

/** What a tool is given beside its arguments. */
export interface ToolContext {
  /** The clusters, behind the policy. */
  readonly proxmox: Proxmox;
  /** Aborted when the client cancels, or when its connection ends on transports where that means the same. */
  readonly signal: AbortSignal;
  /** Aborted when the server stops: a tool that waits for a task then answers with its handle. */
  readonly stopping?: AbortSignal;
  /** Tells the client how a long call gets on; there only when the client asked to be told. */
  readonly progress?: (message: string) => void;
}

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

/** A tool: its declaration, and what it does with a call's arguments as they came. */
export interface Tool extends ToolDeclaration {
  /** Answers in text for a model; throws what `failureText` turns into an error answer. */
  call(given: unknown, context: ToolContext): Promise<string>;
}

interface ToolDefinition<Input extends z.ZodRawShape> extends ToolDeclaration {
  readonly input: Input;
  run(args: z.output<z.ZodObject<Input>> & { readonly cluster?: string }, context: ToolContext): Promise<string>;
}

/** Makes a tool of its definition: `run` gets the arguments parsed and typed by `input`. */
export function defineTool<Input extends z.ZodRawShape>({ run, ...declaration }: ToolDefinition<Input>): Tool {
  const read = argumentReader(declaration);
  return {
    ...declaration,
    async call(given, context) {
      const args = read(given);
      try {
        return withDetours(await run(args, context), context.proxmox.detours);
      } catch (error) {
        if (!(error instanceof ToolFailure)) throw error;
        throw new ToolFailure(withDetours(error.message, context.proxmox.detours));
      }
    },
  };
}

/** The annotations of a tool that only looks. */
export const readOnly: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};
