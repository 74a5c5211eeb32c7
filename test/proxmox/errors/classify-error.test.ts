import { expect, test } from "bun:test";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import type { ProxmoxError } from "../../../src/proxmox/errors/proxmox-error.ts";
import { parseParams } from "../../../src/proxmox/params.ts";
import { parsePath } from "../../../src/proxmox/path.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import alphaErrors from "../../recordings/alpha-errors.json" with { type: "json" };
import alphaFaults from "../../recordings/alpha-faults.json" with { type: "json" };
import { type Behaviour, reply, startRawServer } from "../../support/raw-server.ts";
import { clusterAt, failureOf } from "../clusters.ts";

interface Row {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query?: unknown;
    readonly form?: unknown;
    readonly json?: unknown;
  };
  readonly response: { readonly status: number; readonly reason: string; readonly body?: unknown };
}

const json = { "content-type": "application/json;charset=UTF-8" };

/** What becomes of a request that is answered like this. */
async function errorOf(request: Row["request"], behaviour: Behaviour): Promise<ProxmoxError> {
  await using server = await startRawServer(behaviour);
  const error = await failureOf(new ProxmoxClient(clusterAt([server.url]), { lookUpMs: 0 }), {
    method: request.method as ProxmoxRequest["method"],
    path: parsePath(request.path),
    params: parseParams(request.query ?? request.form ?? request.json),
  });
  expect([error.endpoint, error.message.includes("\n")]).toEqual([server.url, false]);
  return error;
}

/** What becomes of a recorded error, answered as it was recorded. */
async function retold({ request, response: { status, reason, body } }: Row): Promise<ProxmoxError> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = { connection: "close", ...(body !== undefined && json) };
  const error = await errorOf(request, reply(status, reason, text, headers));
  expect(error.status).toBe(status);
  return error;
}

/** An error as text, with its kind. */
function told(error: ProxmoxError): string {
  return `[${error.kind}${error.sent === "answered" ? "" : `, sent ${error.sent}`}] ${error.describe()}`;
}

test("every recorded error has the kind and the facts that a program goes by", async () => {
  const lines: string[] = [];
  for (const row of (alphaErrors as readonly Row[]).filter(({ response }) => response.status !== 200)) {
    const { kind, sent, details } = await retold(row);
    expect(sent).toBe("answered");
    lines.push(`${row.request.method} ${row.request.path}: ${kind} ${JSON.stringify(details)}`);
  }
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "GET /nodes: token-refused {}
    GET /nodes: token-refused {}
    GET /nodes: token-refused {}
    GET /nodes/pve1/qemu/100/config: privilege {"privileges":["VM.Audit"],"aclPath":"/vms/100"}
    PUT /nodes/pve1/qemu/100/config: privilege {"privileges":["VM.Config.Disk","VM.Config.CDROM","VM.Config.CPU","VM.Config.Memory","VM.Config.Network","VM.Config.HWType","VM.Config.Options","VM.Config.Cloudinit"],"aclPath":"/vms/100"}
    PUT /access/password: ticket-only {}
    GET /nope: unknown-endpoint {}
    GET /nodes/pve1/nope: unknown-endpoint {}
    PATCH /nodes: unknown-endpoint {}
    DELETE /nodes: unknown-endpoint {}
    POST /nodes/pve1/qemu: parameters {"parameters":{"vmid":"property is missing and it is not optional"}}
    PUT /nodes/pve1/qemu/100/config: parameters {"parameters":{"cores":"value must have a minimum value of 1","bogus":"property is not defined in schema and the schema does not allow additional properties","memory":"invalid format - format error; memory.current: type check ('integer') failed - got 'lots'"}}
    PUT /nodes/pve1/qemu/100/config: parameters {"parameters":{"memory":"invalid format - format error; memory.current: type check ('integer') failed - got 'lots'","bogus":"property is not defined in schema and the schema does not allow additional properties"}}
    PUT /nodes/pve1/qemu/100/config: parameters {"parameters":{"onboot":"type check ('boolean') failed - got 'true'"}}
    GET /nodes/pve1/qemu/999999/config: not-found {"subject":{"type":"guest","id":"999999"}}
    GET /nodes/pve2/qemu/100/config: not-found {"subject":{"type":"guest","id":"100"}}
    GET /nodes/pve9/status: not-found {"subject":{"type":"node","id":"pve9"}}
    GET /nodes/pve3/status: node-offline {"subject":{"type":"node","id":"pve3"}}
    DELETE /nodes/pve1/qemu/101: protected {"subject":{"type":"guest","id":"101"}}
    PUT /nodes/pve1/qemu/103/config: locked {"lock":"migrate"}
    PUT /nodes/pve1/qemu/100/config: conflict {}
    GET /nodes/pve1/storage/nope/content: not-found {"subject":{"type":"storage","id":"nope"}}
    GET /pools/nope: not-found {"subject":{"type":"pool","id":"nope"}}
    GET /access/users/nope@pve: not-found {"subject":{"type":"user","id":"nope@pve"}}
    GET /nodes/pve1/qemu/100/agent/info: not-running {"subject":{"type":"guest","id":"100"}}
    GET /nodes/pve1/tasks/UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam:/status: not-found {"subject":{"type":"task","id":"UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam:"},"parameters":{"upid":"no such task"}}
    GET /nodes/pve1/tasks/not-a-upid/status: not-found {"subject":{"type":"task","id":"not-a-upid"},"parameters":{"upid":"unable to parse worker upid"}}
    GET /cluster/nextid: parameters {"parameters":{"vmid":"VM 100 already exists"}}
    GET /cluster/resources: parameters {"parameters":{"type":"value 'bogus' does not have a value in the enumeration 'vm, storage, node, sdn'"}}
    GET /nodes/pve1/storage/local/content: parameters {"parameters":{"bogus":"property is not defined in schema and the schema does not allow additional properties"}}"
  `);
});

test("the log of a task that does not exist, which Proxmox answers with 200, is an error without a status in its text", async () => {
  const rows = (alphaErrors as readonly Row[]).filter(({ request }) => request.path.endsWith("/log"));
  expect(rows.map(({ response }) => response.status)).toEqual([200]);
  for (const row of rows) {
    const error = await retold(row);
    expect(error).toMatchObject({ kind: "not-found", status: 200, details: { subject: { type: "task" } } });
    expect(error.message).toEndWith("/log on prod: this node knows no such task");
  }
});

test("every recorded fault, a frozen node and a lost quorum, comes out as what it is", async () => {
  const lines: string[] = [];
  const rows = Object.values(alphaFaults).flat() as readonly Row[];
  for (const row of rows.filter(({ response }) => response.status !== 200)) lines.push(told(await retold(row)));
  expect(lines.join("\n\n")).toMatchInlineSnapshot(`
    "[node-timeout] GET /nodes/pve2/status on prod: 596, node pve2 took the request from the node that answered, but did not answer in time (Proxmox says: Connection timed out)
    The node hangs or is overloaded; GET /cluster/resources shows its state as the others see it.

    [node-timeout] GET /nodes/pve2/qemu on prod: 596, node pve2 took the request from the node that answered, but did not answer in time (Proxmox says: Connection timed out)
    The node hangs or is overloaded; GET /cluster/resources shows its state as the others see it.

    [no-quorum] PUT /nodes/pve1/qemu/100/config on prod: 500, the cluster has no quorum, so nothing can be changed (Proxmox says: unable to open file '/etc/pve/nodes/pve1/qemu-server/100.conf.tmp.164' - Permission denied)
    Too few nodes see each other; reads go on. GET /cluster/status shows which are online: bring them back, or look at \`pvecm status\` on a node. It is no matter of rights.

    [no-quorum] POST /pools on prod: 500, the cluster has no quorum, so nothing can be changed (Proxmox says: create pool failed: cfs-lock 'file-user_cfg' error: no quorum!)
    Too few nodes see each other; reads go on. GET /cluster/status shows which are online: bring them back, or look at \`pvecm status\` on a node. It is no matter of rights.

    [no-quorum] POST /nodes/pve1/qemu/100/status/start on prod: 500, the cluster has no quorum, so nothing can be changed (Proxmox says: cluster not ready - no quorum?)
    Too few nodes see each other; reads go on. GET /cluster/status shows which are online: bring them back, or look at \`pvecm status\` on a node. It is no matter of rights.

    [no-quorum] POST /nodes/pve1/qemu on prod: 500, the cluster has no quorum, so nothing can be changed (Proxmox says: cluster not ready - no quorum?)
    Too few nodes see each other; reads go on. GET /cluster/status shows which are online: bring them back, or look at \`pvecm status\` on a node. It is no matter of rights."
  `);
});

/** What a text of Proxmox that was not recorded, but stands in its source, comes out as. */
async function unrecorded(status: number, reason: string, body?: unknown): Promise<string> {
  const request = { method: "PUT", path: "/nodes/pve1/lxc/200/config" };
  return told(await retold({ request, response: { status, reason, body } }));
}

test("a 596 leaves a write in doubt, a 595 does not", async () => {
  expect(await unrecorded(596, "Connection timed out")).toMatchInlineSnapshot(`
    "[node-timeout, sent maybe] PUT /nodes/pve1/lxc/200/config on prod: 596, node pve1 took the request from the node that answered, but did not answer in time (Proxmox says: Connection timed out)
    Unknown: it may have been carried out. So far GET /nodes/pve1/lxc/200/config could not be read; it may still be carried out. Check before you send it again. Once the node answers normally, wait 60 s more (a node that hung carries out what it received when it goes on), then GET /nodes/pve1/lxc/200/config: the values as sent mean done. The node hangs or is overloaded; GET /cluster/resources shows its state as the others see it."
  `);
  expect(await unrecorded(595, "No route to host")).toMatchInlineSnapshot(`
    "[node-offline] PUT /nodes/pve1/lxc/200/config on prod: 595, node pve1 cannot be reached by the node that answered (Proxmox says: No route to host)
    The node is off, or cut off from the cluster; GET /nodes shows which are online. Nothing was done on it."
  `);
});

test("reads texts that the recordings lack", async () => {
  const texts = [
    [403, "Permission check failed (/, Sys.Modify)"],
    [403, "Permission check failed (/mapping/pci/a b, Mapping.Use)"],
    [403, "Permission check failed (/pool/x, Pool.Audit)"],
    [403, "Permission check failed (changing feature flags for privileged container is only allowed for root@pam)"],
    [501, "Unexpected content"],
    [501, "chunked transfer encoding not supported"],
    [500, "CT is locked (snapshot-delete)"],
    [500, "can't lock file '/run/lock/lxc/pve-config-200.lock' - got timeout"],
    [500, "CT 200 not running"],
    [500, "QEMU guest agent is not running"],
    [500, "detected modified configuration - file changed by other user? Try again."],
    [500, "something new"],
    [500, ""],
  ] as const;
  const lines: string[] = [];
  for (const [status, text] of texts) lines.push(await unrecorded(status, text));
  expect(lines.join("\n\n")).toMatchInlineSnapshot(`
    "[privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent lacks Sys.Modify on /
    An administrator can grant it on a node: pveum role add NAME --privs Sys.Modify && pveum acl modify / --tokens 'mcp@pve!agent' --roles NAME. What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent lacks Mapping.Use on /mapping/pci/a b
    An administrator can grant it on a node: pveum acl modify '/mapping/pci/a b' --tokens 'mcp@pve!agent' --roles PVEMappingUser. What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent lacks Pool.Audit on /pool/x
    An administrator can grant it on a node: pveum acl modify /pool/x --tokens 'mcp@pve!agent' --roles PVEPoolUser. What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent may not do this (Proxmox says: Permission check failed (changing feature flags for privileged container is only allowed for root@pam))
    Some things only root@pam may do, and never a token of somebody else; do it on a node, or in the web interface.

    [failed] PUT /nodes/pve1/lxc/200/config on prod: 501, the request did not arrive in the form in which it was sent (Proxmox says: Unexpected content)
    Something between this machine and the node changes requests; connect to the node itself, port 8006.

    [failed] PUT /nodes/pve1/lxc/200/config on prod: 501, the request did not arrive in the form in which it was sent (Proxmox says: chunked transfer encoding not supported)
    Something between this machine and the node changes requests; connect to the node itself, port 8006.

    [locked] PUT /nodes/pve1/lxc/200/config on prod: 500, the guest is locked (snapshot-delete): a snapshot is being deleted
    Wait for that task; GET /nodes/pve1/tasks with source=active shows it. Only if none is running is the lock left over, and an administrator may remove it on the node with \`qm unlock\` or \`pct unlock\`.

    [locked] PUT /nodes/pve1/lxc/200/config on prod: 500, another task works on the same thing and did not finish in time (Proxmox says: can't lock file '/run/lock/lxc/pve-config-200.lock' - got timeout)
    Wait for it and try again; GET /nodes/pve1/tasks with source=active shows what runs.

    [not-running] PUT /nodes/pve1/lxc/200/config on prod: 500, guest 200 is not running
    Start it first (POST /nodes/pve1/lxc/200/status/start), if that is wanted.

    [not-running] PUT /nodes/pve1/lxc/200/config on prod: 500, the guest agent does not answer inside the guest
    Install and start qemu-guest-agent in the guest, and set the VM's option \`agent\` to 1 (it takes effect at the next full start).

    [conflict] PUT /nodes/pve1/lxc/200/config on prod: 500, the configuration was changed by somebody else since its digest was read (Proxmox says: detected modified configuration - file changed by other user? Try again.)
    Read the configuration again, look at what changed, and send the change with the new digest.

    [failed] PUT /nodes/pve1/lxc/200/config on prod: 500, something new

    [failed] PUT /nodes/pve1/lxc/200/config on prod: 500, without a message"
  `);
});

test("only a VMID that exists already gets the hint where to find a free one", async () => {
  const hintOf = async (name: string) => {
    const body = { message: "Parameter verification failed.\n", errors: { [name]: "x already exists" }, data: null };
    return (await unrecorded(400, "Parameter verification failed.", body)).split("\n")[1];
  };
  for (const name of ["vmid", "newid"]) expect(await hintOf(name)).toContain("/cluster/nextid");
  for (const name of ["storage", "poolid", "vmids"]) {
    expect(await hintOf(name)).toBe("Choose another, or change the one that exists.");
  }
});

test("a file in place of JSON is called a file, and no other endpoint is asked for it", async () => {
  const log = { method: "GET", path: "/nodes/pve1/tasks/UPID:pve1:00000001:00000001:60000000:x:1:root@pam:/log" };
  const disposition = { "content-disposition": 'attachment; filename="task-pve1.log"' };
  const error = await errorOf(log, reply(200, "OK", "starting\n", { "content-type": "text/plain", ...disposition }));
  expect(error).toMatchObject({ kind: "file", sent: "answered", status: 200 });
  expect(error.message).toEndWith("it answers with a file (text/plain, 9 bytes), which cannot be passed on");
  expect(error.hint).toContain("Leave out `download`");
  const restore = { method: "GET", path: "/nodes/pve1/storage/pbs/file-restore/download" };
  const octets = reply(200, "OK", '{"data":"of the file"}', { "content-type": "application/octet-stream" });
  const restored = await errorOf(restore, octets);
  expect([restored.kind, restored.hint]).toEqual(["file", "Fetch it in the web interface, or on a node."]);
  const login = reply(200, "OK", "<title>Sign in</title>", { "content-type": "text/html" });
  expect((await errorOf(restore, login)).kind).toBe("not-proxmox");
  await using first = await startRawServer(octets);
  await using second = await startRawServer(octets);
  const client = new ProxmoxClient(clusterAt([first.url, second.url]));
  await failureOf(client, { method: "GET", path: parsePath(restore.path) });
  expect(second.connections()).toBe(0);
});
