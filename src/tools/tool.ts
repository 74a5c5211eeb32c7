import type { z } from "zod";
import type { Proxmox } from "../policy/guarded-request.ts";
import { argumentReader } from "./arguments.ts";
import type { ToolAnnotations, ToolDeclaration } from "./declaration.ts";
import { ToolFailure } from "./failure.ts";
import { withDetours } from "./output/failover-notes.ts";

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
