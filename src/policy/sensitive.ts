import { covers } from "./pattern.ts";

/**
 * GETs that are more than a look: they hand out guest data or a console, or make the host fetch from elsewhere.
 * Where a cluster is limited to reads, these are not among them.
 */
export const sensitiveReads: readonly { readonly pattern: string; readonly reason: string }[] = [
  { pattern: "GET /nodes/{node}/qemu/{vmid}/agent/file-read", reason: "it reads files inside the guest" },
  {
    pattern: "GET /nodes/{node}/qemu/{vmid}/agent/exec-status",
    reason: "it shows what a command inside the guest printed",
  },
  {
    pattern: "GET /nodes/{node}/qemu/{vmid}/cloudinit/dump",
    reason: "it shows the guest's initial passwords and keys",
  },
  { pattern: "GET /nodes/{node}/{type}/{vmid}/vncwebsocket", reason: "it opens the guest's console" },
  { pattern: "GET /nodes/{node}/vncwebsocket", reason: "it opens the node's console" },
  { pattern: "GET /nodes/{node}/{type}/{vmid}/mtunnelwebsocket", reason: "it opens a migration tunnel" },
  { pattern: "GET /nodes/{node}/vzdump/extractconfig", reason: "it reads a guest's configuration out of a backup" },
  { pattern: "GET /nodes/{node}/storage/{storage}/file-restore/**", reason: "it reads files out of a backup" },
  { pattern: "GET /nodes/{node}/storage/{storage}/import-metadata", reason: "it makes the node connect elsewhere" },
  { pattern: "GET /nodes/{node}/apt/changelog", reason: "it makes the node fetch from elsewhere" },
  { pattern: "GET /nodes/{node}/query-url-metadata", reason: "it makes the node fetch from elsewhere" },
  { pattern: "GET /nodes/{node}/query-oci-repo-tags", reason: "it makes the node fetch from elsewhere" },
  { pattern: "GET /nodes/{node}/scan/*", reason: "it makes the node connect elsewhere" },
  { pattern: "GET /cluster/acme/meta", reason: "it makes the node fetch from elsewhere" },
  { pattern: "GET /cluster/acme/tos", reason: "it makes the node fetch from elsewhere" },
];

/** Why this GET is sensitive, as the end of a sentence; `undefined` for a plain read. */
export function sensitiveRead(path: readonly string[]): string | undefined {
  return sensitiveReads.find(({ pattern }) => covers(pattern, "GET", path))?.reason;
}
