import type { Params } from "../../proxmox/params.ts";
import type { FactList } from "./facts.ts";
import type { PlanReader } from "./look.ts";
import type { NoEffect } from "./no-effect.ts";
import type { Planned } from "./plan.ts";

/** What a describer works with. */
export interface Context {
  readonly planned: Planned;
  readonly method: string;
  readonly path: readonly string[];
  readonly params: Params;
  /** Values of the template's variables. */
  readonly values: Readonly<Record<string, string>>;
  readonly look: PlanReader;
  /** What the consent is bound to; describers add to it. */
  readonly facts: FactList;
  /** The present time in milliseconds, for ages. */
  readonly now: number;
  /** The error for a request that can do nothing; `why` ends its sentence. */
  noEffect(why: string): NoEffect;
}

/** What a describer knows about undoing a call; whether it can be undone at all is not for it to say. */
export interface UndoNotes {
  /** How a later call undoes it, `by adding it again`. */
  readonly how?: string;
  /** What no later call brings back although the call can be undone, `unsaved data is lost`; replaces "can be undone". */
  readonly caveat?: string;
  /** What `GET` shows of the definition that the call deletes. */
  readonly definition?: unknown;
}

/** What a call does, in words. */
export interface Description {
  /** Verb and object, `DELETE VM 104 web-01`; the cluster and whether the call can be undone follow. */
  readonly action: string;
  /** What to add about undoing it. */
  readonly undo?: UndoNotes;
  /** What line 2 says, the gravest first; the parameters that are not told follow. */
  readonly effect: readonly string[];
  /** Sentences for the details. */
  readonly details?: readonly string[];
  /** What to type; by default the last value of the path. */
  readonly words?: readonly string[];
  /** Proxmox's digest of what was read. */
  readonly digest?: string | undefined;
  /** Parameters whose whole value `action` and `effect` hold word for word, which the planner checks. */
  readonly told?: readonly string[];
  /** Parameters whose whole value `action` and `effect` say in other words, such as `command` by "SHUT DOWN NODE". */
  readonly paraphrased?: readonly string[];
  /** Rules of parameters, as {@link Planned.classified} names them, of which the description says more than their reason. */
  readonly explains?: readonly string[];
  /** Whether more must be judged than can be said in two lines. */
  readonly long?: boolean;
}

/** Describes the calls of one kind of target. */
export type Describer = (context: Context) => Promise<Description>;

/** Endpoints as patterns of `covers` over templates, and who describes them. The first that fits does. */
export type DescriberRow = readonly [patterns: readonly string[], describe: Describer];
