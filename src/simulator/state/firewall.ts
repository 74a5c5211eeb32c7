import type { Value } from "../schema.ts";

/** A rule, an alias or an entry of a set: only what was set. */
export type Rule = Readonly<Record<string, Value>>;

/** One named set of addresses. */
export interface IpSet {
  readonly comment: string | undefined;
  readonly entries: readonly Rule[];
}

/** One firewall file: of the cluster, a node or a guest. */
export interface Firewall {
  options: Record<string, Value>;
  rules: readonly Rule[];
  /** By name in small letters. */
  readonly aliases: Map<string, Rule>;
  readonly ipsets: Map<string, IpSet>;
}

/** A firewall file that holds nothing yet. */
export const emptyFirewall = (): Firewall => ({ options: {}, rules: [], aliases: new Map(), ipsets: new Map() });
