import type { Method } from "../../proxmox/message.ts";
import type { Params } from "../../proxmox/params.ts";
import type { ApiPath } from "../../proxmox/path.ts";
import { covers } from "../pattern.ts";
import { findRow } from "./index.ts";
import { parameterRules } from "./parameters/index.ts";
import type { ParameterRule } from "./parameters/rule.ts";
import { type CallClass, classes, type Row, readReason } from "./row.ts";

/** The class of a request, and what decided it. */
export interface Classified {
  readonly class: CallClass;
  /** Whether no later API call can undo it; only destructive requests are. */
  readonly irreversible: boolean;
  /**
   * Whether a model must not be able to take it alone, by the endpoint or by any of its parameters: all that is
   * irreversible, changes permissions, opens a way to a host, or runs programs. Where access asks, a client without
   * elicitation needs a code for it.
   */
  readonly codeRequired: boolean;
  /** The name of the rule that decided the class: a row's endpoint, or a parameter's rule. */
  readonly rule: string;
  /** Why, as a sentence without capital and full stop: "it deletes the guest and its disks". */
  readonly reason: string;
  /** `undefined` for a path that the table does not know. */
  readonly template: string | undefined;
  /** Values of the template's variables. */
  readonly values: Readonly<Record<string, string>>;
}

/** What is classified: path and parameters as they are sent. */
export interface Judged {
  readonly method: Method;
  readonly path: ApiPath;
  readonly params?: Params;
}

/** The rule name of an endpoint that is not in the table. */
export const unknownRule = "unknown";

type Weight = Omit<Row, "endpoint"> & { readonly rule: string };

/**
 * Classifies a request by its endpoint and by the parameters that make it worse; no parameter makes it better. An
 * endpoint that is not in the table counts as the worst of its kind.
 */
export function classify({ method, path, params = {} }: Judged): Classified {
  const { row, found } = findRow(method, path);
  const { template, values = {} } = found ?? {};
  const own: Weight = row === undefined ? unknownEndpoint(method, path) : { ...row, rule: row.endpoint };
  const weights = [own, ...rulesFor(method, path, template).flatMap((rule) => (rule.when(params) ? weigh(rule) : []))];
  const worst = weights.reduce((a, b) => (isWorse(b, a) ? b : a));
  return {
    class: worst.class,
    irreversible: worst.irreversible,
    // A parameter of a lighter class may be the one that a model must not set alone.
    codeRequired: weights.some(({ codeRequired }) => codeRequired),
    rule: worst.rule,
    reason: worst.reason,
    template,
    values,
  };
}

/** Rules by endpoint, a cache: a request is classified several times on its way. */
const rulesByEndpoint = new Map<string, readonly ParameterRule[]>();

/** No parameter of a GET changes anything. */
function rulesFor(method: Method, path: ApiPath, template: string | undefined): readonly ParameterRule[] {
  if (method === "GET") return [];
  if (template === undefined) return rulesOn(method, path);
  const endpoint = `${method} ${template}`;
  const known = rulesByEndpoint.get(endpoint);
  if (known !== undefined) return known;
  const rules = rulesOn(method, template.slice(1).split("/"));
  rulesByEndpoint.set(endpoint, rules);
  return rules;
}

function rulesOn(method: Method, path: readonly string[]): readonly ParameterRule[] {
  return parameterRules.filter(({ on }) => on.some((pattern) => covers(pattern, method, path)));
}

function weigh({ name, class: ofRule, irreversible, codeRequired, reason }: ParameterRule): Weight {
  return {
    rule: name,
    class: ofRule,
    irreversible: irreversible === true,
    codeRequired: irreversible === true || codeRequired === true,
    reason,
  };
}

function isWorse(a: Weight, b: Weight): boolean {
  const difference = classes.indexOf(a.class) - classes.indexOf(b.class);
  if (difference !== 0) return difference > 0;
  if (a.irreversible !== b.irreversible) return a.irreversible;
  return a.codeRequired && !b.codeRequired;
}

function unknownEndpoint(method: Method, path: ApiPath): Weight {
  const harmless = { irreversible: false, codeRequired: false };
  // The index of the API.
  if (method === "GET" && path.length === 0) return { rule: "root", class: "read", ...harmless, reason: readReason };
  return method === "GET"
    ? { rule: unknownRule, class: "sensitive", ...harmless, reason: "it reads a path that this server does not know" }
    : {
        rule: unknownRule,
        class: "destructive",
        irreversible: true,
        codeRequired: true,
        reason: "it calls an endpoint that this server does not know, which counts as irreversible",
      };
}
