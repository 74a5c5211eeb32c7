import type { Params } from "../../../proxmox/params.ts";
import type { CallClass } from "../row.ts";

/** A parameter that makes a request more than its endpoint is. */
export interface ParameterRule {
  readonly name: string;
  /** Patterns over method and template, as `allow` and `deny` have them. */
  readonly on: readonly string[];
  /** Whether the parameters are of this kind. */
  readonly when: (params: Params) => boolean;
  readonly class: CallClass;
  readonly irreversible?: true;
  readonly reason: string;
}

/** Any guest, VM or container. */
export const guest = "/nodes/{node}/{type}/{vmid}";

/** What changes the settings of a guest that is there. */
export const config = [`PUT ${guest}/config`, `POST ${guest}/config`];

/** What sets settings of a guest, of one that is made or one that is there. */
export const settings = ["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc", ...config];
