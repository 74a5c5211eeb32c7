import { nearest } from "../../config/nearest.ts";
import { groupNames } from "../search/groups.ts";
import { returnsTask } from "../task.ts";
import type { ApiEndpoint, Property } from "../types.ts";
import { describePermissions } from "./permissions.ts";
import { describeDefault, describeParts, describeType, isOptional, names, summarize } from "./property-text.ts";
import { ownNames, signature } from "./signature.ts";

/** The most bytes of a description, about 1,500 tokens. */
const maxBytes = 6000;

/** Above so many parameters they are told in groups, by name and type alone. */
const maxSingly = 45;

/** So many characters of a parameter's description are shown where everything is: Proxmox's longest has 1,673. */
const maxAbout = 2000;

/** So many unknown parameters get a suggestion: each is compared with all that the endpoint has. */
const maxSuggestions = 10;

/** How much is said of each parameter; the first that fits into the budget is taken. */
const levels = [
  { description: 160, type: 160 },
  { description: 60, type: 90 },
  { description: 0, type: 60 },
  { description: 0, type: 24 },
] as const;

type Level = (typeof levels)[number];

/**
 * An endpoint for somebody who is about to call it: what it does, needs, takes and returns, in at most 1,500 tokens.
 * @param params names and patterns (`net*,scsi0`) of the parameters to tell everything about, instead of all in short.
 */
export function describeEndpoint(endpoint: ApiEndpoint, params?: string): string {
  if (params !== undefined) return describeSlice(endpoint, params);
  let text = "";
  for (const level of levels) {
    text = [...head(endpoint), ...parameterLines(endpoint, level), returns(endpoint)].join("\n");
    if (Buffer.byteLength(text) <= maxBytes) return text;
  }
  // A schema with hundreds of parameters in one endpoint: their names, as far as they fit.
  return `${Buffer.from(text)
    .subarray(0, maxBytes - 80)
    .toString("utf8")}\n... Cut: get parameters with params, such as params: "a*".`;
}

/** All methods of a path; where that is too much, their signatures, and how to get each. */
export function describeMethods(endpoints: readonly ApiEndpoint[]): string {
  const text = endpoints.map((endpoint) => describeEndpoint(endpoint)).join("\n\n");
  if (Buffer.byteLength(text) <= maxBytes || endpoints.length === 1) return text;
  const lines = endpoints.map((endpoint) => `${signature(endpoint)}\n  ${summarize(endpoint.description, 150)}`);
  return [...lines, "Pass method to see one of them in full."].join("\n");
}

function head(endpoint: ApiEndpoint): string[] {
  const { method, template, description } = endpoint;
  const does = summarize(description, 300);
  const task = returnsTask(endpoint) ? " Starts a task." : "";
  return [`${method} ${template}`, `${does}${task}`.trim(), describePermissions(endpoint)].filter((it) => it !== "");
}

function parameterLines(endpoint: ApiEndpoint, level: Level): string[] {
  const { parameters, template } = endpoint;
  const path = names(parameters).filter((name) => template.includes(`{${name}}`) && isTelling(parameters[name]));
  const inPath = path.map((name) => `{${name}}: ${describeType(parameters[name] ?? {}, level.type)}`);
  const own = ownNames(endpoint);
  if (own.length <= maxSingly) return [...inPath, ...own.map((name) => line(endpoint, name, level))];
  const grouped = groupNames(own).flatMap(({ title, names: members, params }) => [
    `${title} (params: "${params}")`,
    `  ${members.map((name) => short(endpoint, name, level)).join("; ")}`,
  ]);
  return [
    ...inPath,
    `${own.length} parameters (* required; [n] is a number from 0), in groups: pass a group's params for all about it.`,
    ...grouped,
  ];
}

/** The node and the VMID speak for themselves; a choice does not. */
function isTelling(property: Property | undefined): boolean {
  return property?.enum !== undefined;
}

function line(endpoint: ApiEndpoint, name: string, level: Level): string {
  const about = level.description === 0 ? "" : summarize(endpoint.parameters[name]?.description, level.description);
  const { requires } = endpoint.parameters[name] ?? {};
  const needs = requires === undefined ? "" : `, with ${requires}`;
  return `${short(endpoint, name, level)}${needs}${about === "" ? "" : ` - ${about}`}`;
}

function short({ parameters }: ApiEndpoint, name: string, level: Level): string {
  const property = parameters[name] ?? {};
  const mark = isOptional(parameters, name) ? "" : "*";
  return `${name}${mark}: ${describeType(property, level.type)}${describeDefault(property)}`;
}

function returns(endpoint: ApiEndpoint): string {
  const { type, properties, items, description } = endpoint.returns;
  if (returnsTask(endpoint)) return "Returns the task's UPID.";
  if (type === "null" || type === undefined) return "Returns nothing.";
  const about = description === undefined ? "" : `: ${summarize(description, 100)}`;
  if (type === "array") {
    const row = Object.keys(items?.properties ?? {});
    return row.length === 0 ? `Returns a list${about}` : `Returns rows of ${listNames(row)}`;
  }
  const keys = Object.keys(properties ?? {});
  return keys.length === 0
    ? `Returns ${type === "object" ? "an object" : `a ${type}`}${about}`
    : `Returns ${listNames(keys)}`;
}

function listNames(keys: readonly string[]): string {
  const shown = keys.slice(0, 25);
  return `${shown.join(", ")}${shown.length < keys.length ? `, ... ${keys.length - shown.length} more` : ""}`;
}

/** Whether an endpoint has any of the parameters that a slice names. */
export function hasAnyOf(endpoint: ApiEndpoint, params: string): boolean {
  const wanted = patternsIn(params);
  return names(endpoint.parameters).some((name) => wanted.some((pattern) => covers(pattern, name)));
}

/** The names and patterns of a slice. */
export function patternsIn(params: string): string[] {
  return params.split(/[\s,]+/).filter((it) => it !== "");
}

function describeSlice(endpoint: ApiEndpoint, params: string): string {
  const wanted = patternsIn(params);
  const all = names(endpoint.parameters);
  const chosen = all.filter((name) => wanted.some((pattern) => covers(pattern, name)));
  const unknown = wanted.filter((pattern) => !all.some((name) => covers(pattern, name)));
  const complaints = unknown.map((pattern, index) => {
    const near = index < maxSuggestions ? nearest(pattern.replaceAll("*", "").slice(0, 100), all) : undefined;
    return `There is no parameter ${pattern}${near === undefined ? "" : `: did you mean ${near}?`}`;
  });
  const text = [`${endpoint.method} ${endpoint.template}`, ...chosen.flatMap((name) => everything(endpoint, name))];
  return [...text, ...complaints].join("\n");
}

function everything({ parameters }: ApiEndpoint, name: string): string[] {
  const property = parameters[name] ?? {};
  const { format, description, verbose_description: verbose, requires } = property;
  const about = summarize(verbose ?? description, maxAbout);
  const parts = typeof format === "object" ? format : undefined;
  const type = parts === undefined ? describeType(property, 1000) : "parts joined by commas";
  const optional = isOptional(parameters, name) ? "" : "*";
  const needs = requires === undefined ? "" : `, only with ${requires}`;
  return [
    `${name}${optional}: ${type}${describeDefault(property)}${needs}${about === "" ? "" : ` - ${about}`}`,
    ...(parts === undefined ? [] : describeParts(parts)),
  ];
}

/** `net` of `net0`; `undefined` for what ends in no digit. */
function familyOf(name: string): string | undefined {
  let end = name.length;
  while (end > 0 && /\d/.test(name.charAt(end - 1))) end -= 1;
  return end === name.length ? undefined : name.slice(0, end);
}

/** `net*` and `net0` both mean `net[n]`. */
function covers(pattern: string, name: string): boolean {
  if (pattern === name || (name.endsWith("[n]") && familyOf(pattern) === name.slice(0, -3))) return true;
  const [first = "", ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined || !name.startsWith(first)) return false;
  let at = first.length;
  // The earliest place of each part leaves the most to the next; an expression of many `.*` would try them all.
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
