import type { ApiEndpoint } from "../types.ts";

/** The same endpoint on another cluster; `undefined` where that one does not have it. */
export interface Elsewhere {
  /** `beta (8.4)`. */
  readonly where: string;
  readonly endpoint: ApiEndpoint | undefined;
}

/** In what an endpoint differs on clusters of other versions, a line each: `Not on beta (8.4): allow-ksm, cpu-flags.` */
export function describeDifferences(endpoint: ApiEndpoint, elsewhere: readonly Elsewhere[]): string[] {
  return elsewhere.flatMap(({ where, endpoint: other }) => {
    if (other === undefined) return [`Not on ${where}.`];
    const missing = without(endpoint, other);
    const more = without(other, endpoint);
    return [
      ...(missing.length > 0 ? [`Not on ${where}: ${missing.join(", ")}.`] : []),
      ...(more.length > 0 ? [`Only on ${where}: ${more.join(", ")}.`] : []),
    ];
  });
}

/** A version as people speak of it: `9.1` of `9.1.3`. */
export function shortVersion(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}

function without({ parameters }: ApiEndpoint, other: ApiEndpoint): string[] {
  return Object.keys(parameters).filter((name) => !Object.hasOwn(other.parameters, name));
}
