import type { ApiPath } from "../../proxmox/path.ts";
import type { ProxmoxRequest } from "../../proxmox/request.ts";
import type { CallerCluster } from "../callers/caller-cluster.ts";
import type { Classified } from "../endpoint-classes/classify.ts";
import type { Guest } from "../guests.ts";
import type { Target } from "../targets.ts";
import type { Facts } from "./facts.ts";

/** What a human is asked to agree to, and what the agreement is bound to. */
export interface Plan {
  /** Line 1, at most 160 characters: `DELETE VM 104 web-01 on prod: cannot be undone`, whose end is never cut. */
  readonly action: string;
  /** Line 2, at most 160 characters: what is lost, the newest backup and its age; or the command, or its length. */
  readonly effect: string;
  /** All that the first two lines do not say, in order: the request as it is sent, what it would lose, warnings. */
  readonly details: readonly string[];
  /** Any of these, typed, agrees, the one to ask for first; empty where one click is enough. */
  readonly words: readonly string[];
  /**
   * Whether `action`, `effect` and the line that says what to type hold all that must be judged, and a form shows them
   * whole. Otherwise only a way that shows the details may ask.
   */
  readonly fitsForm: boolean;
  /** What the consent is bound to beside caller, cluster and request. */
  readonly facts: Facts;
  /** Proxmox's `digest` of the configuration that was read, to be sent along; `undefined` where it has none. */
  readonly digest: string | undefined;
}

/** The endpoint of a request as the tables name it, `PUT /access/acl`. */
export function endpointOf(method: string, { template = "" }: Pick<Classified, "template">): string {
  return `${method} ${template}`;
}

/** What a plan is made of. */
export interface Planned {
  readonly cluster: CallerCluster;
  readonly request: ProxmoxRequest;
  readonly classified: Classified;
  readonly subjects: readonly Target[];
  /** The guests that the token may see. */
  guests(): Promise<readonly Guest[]>;
  /** Whether this caller may read a path: what the settings withhold binds the consent, and is not shown. */
  mayRead(path: ApiPath): boolean;
}
