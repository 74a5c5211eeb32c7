import { fileURLToPath } from "node:url";
import type { TlsMode } from "../../src/config/types.ts";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { ProxmoxError } from "../../src/proxmox/errors/proxmox-error.ts";
import type { ProxmoxRequest } from "../../src/proxmox/request.ts";
import { clusterAt } from "./clusters.ts";

/** What became of a request: an answer's `data` and `endpoint`, or the rest of an error. */
export interface Told {
  readonly data?: unknown;
  readonly endpoint?: string | undefined;
  readonly kind?: string;
  readonly sent?: string;
  readonly hint?: string | undefined;
  readonly status?: number | undefined;
}

/** Sends requests one after the other with one client. */
export type Ask = (
  endpoints: readonly string[],
  tls: TlsMode,
  requests: readonly Pick<ProxmoxRequest, "method" | "path">[],
) => Promise<Told[]>;

/** Asks in this process. */
export const ask: Ask = async (endpoints, tls, requests) => {
  const client = new ProxmoxClient(clusterAt(endpoints, tls));
  const told: Told[] = [];
  for (const request of requests) told.push(await tell(client, request));
  client.close();
  return told;
};

async function tell(client: ProxmoxClient, request: ProxmoxRequest): Promise<Told> {
  try {
    const { data, endpoint } = await client.request(request);
    return { data, endpoint };
  } catch (error) {
    if (!(error instanceof ProxmoxError)) throw error;
    const { endpoint, kind, sent, hint, status } = error;
    return { endpoint, kind, sent, hint, status };
  }
}

/** A process of its own, for what only the environment at its start decides. */
export interface Child extends Disposable {
  readonly ask: Ask;
}

/** Starts a process that asks, with these variables added to the environment. */
export function startChild(environment: Readonly<Record<string, string>>): Child {
  const waiting: ((told: Told[]) => void)[] = [];
  const child = Bun.spawn([process.execPath, fileURLToPath(import.meta.url)], {
    env: { ...process.env, ...environment },
    stdout: "ignore",
    ipc: (told) => waiting.shift()?.(told),
  });
  return {
    ask: (...question) => {
      const { promise, resolve } = Promise.withResolvers<Told[]>();
      waiting.push(resolve);
      child.send(question);
      return promise;
    },
    [Symbol.dispose]: () => child.kill(),
  };
}

if (import.meta.main) {
  let last: Promise<unknown> = Promise.resolve();
  process.on("message", (question: Parameters<Ask>) => {
    last = last.then(async () => process.send?.(await ask(...question)));
  });
}
