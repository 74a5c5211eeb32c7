import type { ProxmoxAnswer } from "./answers/answer.ts";
import type { Method } from "./message.ts";
import type { Params } from "./params.ts";
import type { ApiPath } from "./path.ts";

/** One request to a cluster's API. */
export interface ProxmoxRequest {
  readonly method: Method;
  readonly path: ApiPath;
  readonly params?: Params;
  readonly signal?: AbortSignal;
  /** Instead of the cluster's own, in milliseconds. How long a read may take is part of what it asks: only equal ones share an answer. */
  readonly timeoutMs?: number;
  /** A read that decides whether something may be done: never answered from what was read a moment ago. */
  readonly fresh?: boolean;
  /** Counts for its requester, but is sent even above its limit: work already begun would be lost otherwise. */
  readonly isAdmitted?: boolean;
}

/** An answer. Disposing of it frees its memory for others, as does the end of its requester's call. */
export type UsedAnswer = ProxmoxAnswer & Disposable;

/** What sends requests to a cluster: a client, or what one requester sees of it. */
export interface Sender {
  /** @throws {ProxmoxError} */
  request(request: ProxmoxRequest): Promise<UsedAnswer>;
}
