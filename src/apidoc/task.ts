import type { ApiEndpoint } from "./types.ts";

/** Writes that return a text which is no task, by the end of their path. */
const others: readonly string[] = [
  "POST /cluster/sdn/lock",
  "POST /nodes/{node}/qemu/{vmid}/monitor",
  "POST /nodes/{node}/storage/{storage}/content",
  "POST /nodes/{node}/wakeonlan",
  "POST /access/openid/auth-url",
];

/** Whether a call starts a task and answers with its UPID. The schema has no word for it: writes that return a text do. */
export function returnsTask({ method, template, returns }: ApiEndpoint): boolean {
  return method !== "GET" && returns.type === "string" && !others.includes(`${method} ${template}`);
}
