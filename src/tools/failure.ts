import { ClusterChoiceError } from "../clusters.ts";
import { AuditError } from "../policy/audit/audit.ts";
import { LimitError } from "../policy/callers/limits.ts";
import { CheckRefusal } from "../policy/check.ts";
import { GuestError } from "../policy/guests.ts";
import { NoEffect } from "../policy/plan/no-effect.ts";
import { NotExecuted, PolicyRefusal } from "../policy/refusal.ts";
import { ProxmoxError } from "../proxmox/errors/proxmox-error.ts";
import { ParamsError } from "../proxmox/params.ts";
import { PathError } from "../proxmox/path.ts";
import { TaskError } from "../proxmox/tasks/task.ts";

/** A tool could not do what it was asked, for a reason that is no error of one request. The message is the answer. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
}

/** A tool was called with arguments it does not take. The message names every one, and the valid ones. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

/** Errors whose message is the whole answer. */
const expected = [
  ToolFailure,
  ArgumentError,
  ClusterChoiceError,
  GuestError,
  PolicyRefusal,
  NotExecuted,
  NoEffect,
  AuditError,
  LimitError,
  CheckRefusal,
  PathError,
  ParamsError,
  TaskError,
];

/** What to tell a model of an error that was to be expected; `undefined` for a fault of our own. */
export function failureText(error: unknown): string | undefined {
  if (error instanceof ProxmoxError) return error.describe();
  return error instanceof Error && expected.some((kind) => error instanceof kind) ? error.message : undefined;
}
