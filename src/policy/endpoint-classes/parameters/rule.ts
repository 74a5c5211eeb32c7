import type { Params } from "../../../proxmox/params.ts";
import type { CallClass } from "../row.ts";

/** A parameter that makes a request more than its endpoint is. */
export interface ParameterRule {
  readonly name: string;
  /** Patterns over method and template, as in `allow` and `deny`. */
  readonly on: readonly string[];
  /** Whether the parameters are of this kind. */
  readonly when: (params: Params) => boolean;
  readonly class: CallClass;
  /** Whether no later API call can undo it; implies {@link codeRequired}. */
  readonly irreversible?: true;
  /** Whether a model must not be able to take it alone, as in the table's rows. */
  readonly codeRequired?: true;
  readonly reason: string;
}

/** Any guest, VM or container. */
export const guest = "/nodes/{node}/{type}/{vmid}";

/** Endpoints that change the settings of an existing guest. */
export const config = [`PUT ${guest}/config`, `POST ${guest}/config`];

/** Endpoints that set settings of a new or an existing guest. */
export const settings = ["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc", ...config];
