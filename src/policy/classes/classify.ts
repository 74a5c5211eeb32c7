import type { Method } from "../../proxmox/message.ts";
import type { Params } from "../../proxmox/params.ts";
import type { ApiPath } from "../../proxmox/path.ts";
import { covers } from "../pattern.ts";
import { findRow } from "./index.ts";
import { parameterRules } from "./parameters/index.ts";
import type { ParameterRule } from "./parameters/rule.ts";
import { type CallClass, classes, type Row } from "./row.ts";

/** What a request is, and what made it that. */
export interface Classified {
  readonly class: CallClass;
  /** Whether nothing brings back what is lost; only destructive requests are. */
  readonly irreversible: boolean;
  /** The name of the rule that decided: a row's endpoint, or a parameter's rule. */
  readonly rule: string;
  /** Why, as the end of a sentence: "it destroys the guest and its disks". */
  readonly reason: string;
  /** `undefined` for a path that the table does not know. */
  readonly template: string | undefined;
  /** What stands for the template's variables. */
  readonly values: Readonly<Record<string, string>>;
}

/** What is judged: path and parameters as they are sent. */
export interface Judged {
  readonly method: Method;
  readonly path: ApiPath;
  readonly params?: Params;
}

/** The rule of what the table does not know. */
export const unknownRule = "unknown";

type Weight = Pick<Row, "class" | "irreversible" | "reason"> & { readonly rule: string };

/**
 * The class of a request: that of its endpoint, or of a parameter that makes it worse; never of one that makes it
 * better. What the table does not know is taken for the worst of its kind.
 */
export function classify({ method, path, params = {} }: Judged): Classified {
  const { row, found } = findRow(method, path);
  const { template, values = {} } = found ?? {};
  const own: Weight = row === undefined ? unknownEndpoint(method, path) : { ...row, rule: row.endpoint };
  const worst = rulesFor(method, path, template)
    .filter((rule) => rule.when(params))
    .map((rule): Weight => ({ ...rule, irreversible: rule.irreversible ?? false, rule: rule.name }))
    .reduce((a, b) => (isWorse(b, a) ? b : a), own);
  return {
    class: worst.class,
    irreversible: worst.irreversible,
    rule: worst.rule,
    reason: worst.reason,
    template,
    values,
  };
}

/** Rules by endpoint, found once each: a request is classed several times on its way. */
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

function isWorse(a: Weight, b: Weight): boolean {
  const difference = classes.indexOf(a.class) - classes.indexOf(b.class);
  return difference > 0 || (difference === 0 && a.irreversible && !b.irreversible);
}

function unknownEndpoint(method: Method, path: ApiPath): Weight {
  // The lists of what there is.
  if (method === "GET" && path.length === 0)
    return { rule: "root", class: "read", irreversible: false, reason: "it only looks" };
  return method === "GET"
    ? {
        rule: unknownRule,
        class: "sensitive",
        irreversible: false,
        reason: "it is a path that this server does not know",
      }
    : {
        rule: unknownRule,
        class: "destructive",
        irreversible: true,
        reason: "it is an endpoint that this server does not know",
      };
}
