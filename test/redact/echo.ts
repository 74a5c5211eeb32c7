import { type Behaviour, type RawRequest, reply } from "../support/raw-server.ts";

/** A header in the spellings in which a far end may echo it. */
export function echoed(header: string): string {
  const bytes = Buffer.from(header);
  return [
    header,
    header.toUpperCase(),
    encodeURIComponent(header),
    bytes.toString("base64"),
    bytes.toString("hex"),
  ].join(" | ");
}

const json = { "content-type": "application/json" };

/** A schema whose every text holds the header. */
function script(header: string): string {
  const parameters = { properties: { name: { type: "string", optional: 1, description: `of ${header}` } } };
  const info = { GET: { description: `Reads guests for ${echoed(header)}`, parameters } };
  const write = { POST: { description: `Changes ${header}`, parameters: { properties: {} } } };
  const paths = [
    { path: "/nodes/{node}/qemu", info },
    { path: "/nodes/{node}/status", info: { ...info, ...write } },
    { path: "/nodes/{node}/qemu/{vmid}", info: { DELETE: write.POST } },
    { path: "/nodes/{node}/qemu/{vmid}/config", info },
    { path: "/storage/{storage}", info: { DELETE: write.POST } },
    { path: "/cluster/backup/{id}", info: { DELETE: write.POST } },
  ];
  return `const apiSchema = ${JSON.stringify(paths)}\n;`;
}

let isRunning = false;

/**
 * How something answers that is no Proxmox, or one that was tampered with: the `Authorization` header of the request comes
 * back in values, keys, messages, reasons, titles and logs. `last` is what was sent last with a token.
 */
export function echoFor({ target, headers }: RawRequest, last: string): Behaviour {
  const header = headers["authorization"] ?? last;
  const [path = ""] = target.replace("/api2/json", "").split("?");
  const data = (value: unknown) => reply(200, "OK", JSON.stringify({ data: value }), json);
  if (path.endsWith("apidoc.js"))
    return reply(200, "OK", script(header), { "last-modified": "Tue, 03 Nov 2026 10:00:00 GMT" });
  if (path === "/version") return data({ version: "9.1.3", release: header });
  // `/nodes/title-44/status`: what comes back, and how far behind the beginning.
  const [, where = "", at = "0"] = /^\/nodes\/([a-z]+)-(\d+)\//.exec(path) ?? [];
  const late = `${"y ".repeat(Number(at) / 2)}${header}`;
  if (where === "message") return reply(500, "failed", JSON.stringify({ message: `${late}\n`, data: null }), json);
  if (where === "errors") {
    const errors = { [`name ${header}`]: late, other: echoed(header) };
    return reply(400, "Parameter verification failed.", JSON.stringify({ message: header, errors, data: null }), json);
  }
  if (where === "reason") return reply(500, late, "");
  if (where === "title") return reply(200, "OK", `<title>${late}</title>`, { "content-type": `text/html; ${header}` });
  if (where === "page") return reply(200, "OK", late, { "content-type": "text/html" });
  if (where === "odd") return reply(200, "OK", JSON.stringify({ odd: late }), json);
  if (where === "location") return reply(302, header, "", { location: `https://elsewhere.invalid/${header}` });
  if (/\/(?:status\/)?(?:config|current)$/.test(path)) {
    return data({
      name: `web ${header}`,
      description: echoed(header),
      scsi0: `local:${header},size=1G`,
      status: "running",
    });
  }
  // A task that runs at the first look and has ended at the next, so that a call that waits for it tells how it gets on.
  if (path.includes("vzdump") && path.endsWith("/status")) {
    isRunning = !isRunning;
    if (isRunning) return data({ status: "running", [header]: echoed(header) });
  }
  if (path.endsWith("/status"))
    return data({ status: "stopped", exitstatus: `failed: ${header}`, [header]: echoed(header) });
  if (path.endsWith("/log")) return data([{ n: 1, t: `TASK ERROR: ${echoed(header)}` }]);
  const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:root@pam:";
  const row = { id: "qemu/100", vmid: 100, type: "qemu", node: "pve1", name: `web ${header}`, status: "running", upid };
  return data([{ ...row, starttime: 1_700_000_000, [`key ${header}`]: echoed(header), tags: header, storage: header }]);
}
