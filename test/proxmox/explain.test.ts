import { expect, test } from "bun:test";
import { ProxmoxClient, type ProxmoxRequest } from "../../src/proxmox/client.ts";
import { parseParams } from "../../src/proxmox/params.ts";
import { parsePath } from "../../src/proxmox/path.ts";
import alphaErrors from "../recordings/alpha-errors.json" with { type: "json" };
import alphaFaults from "../recordings/alpha-faults.json" with { type: "json" };
import { reply, startRawServer } from "../support/raw-server.ts";
import { clusterAt, failureOf } from "./clusters.ts";

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

/** Serves each recorded error over a socket, as it was sent, and tells what becomes of it. */
async function retell(rows: readonly Row[]): Promise<string> {
  const told: string[] = [];
  for (const { request, response } of rows.filter((row) => row.response.status !== 200)) {
    const body = response.body === undefined ? "" : JSON.stringify(response.body);
    const type = response.body === undefined ? {} : { "content-type": "application/json;charset=UTF-8" };
    await using server = await startRawServer(
      reply(response.status, response.reason, body, { connection: "close", ...type }),
    );
    const error = await failureOf(new ProxmoxClient(clusterAt([server.url])), {
      method: request.method as ProxmoxRequest["method"],
      path: parsePath(request.path),
      params: parseParams(request.query ?? request.form ?? request.json),
    });
    expect([error.status, error.endpoint, error.message.includes("\n")]).toEqual([response.status, server.url, false]);
    told.push(`[${error.kind}${error.sent === "answered" ? "" : `, sent ${error.sent}`}] ${error.describe()}`);
  }
  return told.join("\n\n");
}

test("every recorded error comes out as something that an operator understands", async () => {
  expect(await retell(alphaErrors)).toMatchInlineSnapshot(`
    "[token-refused] GET /nodes on prod: 401, the token mcp@pve!agent was refused (Proxmox says: Authentication failed!)
    Check user, token_id and token_secret in the configuration. On a node, \`pveum user token list mcp@pve\` shows whether the token exists or has expired, and \`pveum user list\` whether the user is enabled. A lost secret cannot be read again: remove the token and add it anew.

    [token-refused] GET /nodes on prod: 401, the token mcp@pve!agent was refused (Proxmox says: Authentication failed!)
    Check user, token_id and token_secret in the configuration. On a node, \`pveum user token list mcp@pve\` shows whether the token exists or has expired, and \`pveum user list\` whether the user is enabled. A lost secret cannot be read again: remove the token and add it anew.

    [token-refused] GET /nodes on prod: 401, the token mcp@pve!agent did not arrive (Proxmox says: No ticket)
    Something between this machine and the node takes the Authorization header off; connect to the node itself, port 8006.

    [privilege] GET /nodes/pve1/qemu/100/config on prod: 403, token mcp@pve!agent lacks VM.Audit on /vms/100
    An administrator can grant it on a node: pveum acl modify /vms/100 --tokens 'mcp@pve!agent' --roles PVEAuditor. What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [privilege] PUT /nodes/pve1/qemu/100/config on prod: 403, token mcp@pve!agent lacks any of VM.Config.Disk, VM.Config.CDROM, VM.Config.CPU, VM.Config.Memory, VM.Config.Network, VM.Config.HWType, VM.Config.Options, VM.Config.Cloudinit on /vms/100
    An administrator can grant it on a node: pveum acl modify /vms/100 --tokens 'mcp@pve!agent' --roles PVEVMAdmin. What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [ticket-only] PUT /access/password on prod: 403, Proxmox offers /access/password to no API token, whatever its rights
    Do this in the web interface, or with pvesh or pveum on a node.

    [unknown-endpoint] GET /nope on prod: 501, this Proxmox VE has no GET /nope
    Either the path or the method is wrong, or this version lacks it; the API viewer at /pve-docs/api-viewer/ on a node lists every path with its methods.

    [unknown-endpoint] GET /nodes/pve1/nope on prod: 501, this Proxmox VE has no GET /nodes/pve1/nope
    Either the path or the method is wrong, or this version lacks it; the API viewer at /pve-docs/api-viewer/ on a node lists every path with its methods.

    [unknown-endpoint] PATCH /nodes on prod: 501, this Proxmox VE has no PATCH /nodes
    Either the path or the method is wrong, or this version lacks it; the API viewer at /pve-docs/api-viewer/ on a node lists every path with its methods.

    [unknown-endpoint] DELETE /nodes on prod: 501, this Proxmox VE has no DELETE /nodes
    Either the path or the method is wrong, or this version lacks it; the API viewer at /pve-docs/api-viewer/ on a node lists every path with its methods.

    [parameters] POST /nodes/pve1/qemu on prod: 400, Parameter verification failed: vmid: property is missing and it is not optional
    Add what is missing.

    [parameters] PUT /nodes/pve1/qemu/100/config on prod: 400, Parameter verification failed: cores: value must have a minimum value of 1; bogus: property is not defined in schema and the schema does not allow additional properties; memory: invalid format - format error; memory.current: type check ('integer') failed - got 'lots'
    Correct the value. Leave out what the endpoint does not know; a misspelt name looks the same.

    [parameters] PUT /nodes/pve1/qemu/100/config on prod: 400, Parameter verification failed: memory: invalid format - format error; memory.current: type check ('integer') failed - got 'lots'; bogus: property is not defined in schema and the schema does not allow additional properties
    Correct the value. Leave out what the endpoint does not know; a misspelt name looks the same.

    [parameters] PUT /nodes/pve1/qemu/100/config on prod: 400, Parameter verification failed: onboot: type check ('boolean') failed - got 'true'
    Booleans are true and false, or 1 and 0 where a string is sent.

    [not-found] GET /nodes/pve1/qemu/999999/config on prod: 500, there is no guest 999999 of this kind on node pve1
    It may run on another node, be of the other kind (qemu or lxc), or not exist: GET /cluster/resources with type=vm (get_cluster_resources) shows where guest 999999 is.

    [not-found] GET /nodes/pve2/qemu/100/config on prod: 500, there is no guest 100 of this kind on node pve2
    It may run on another node, be of the other kind (qemu or lxc), or not exist: GET /cluster/resources with type=vm (get_cluster_resources) shows where guest 100 is.

    [not-found] GET /nodes/pve9/status on prod: 500, there is no node pve9 in this cluster
    GET /nodes lists what there is.

    [node-offline] GET /nodes/pve3/status on prod: 595, node pve3 cannot be reached by the node that answered (Proxmox says: No route to host)
    The node is off, or cut off from the cluster; GET /nodes shows which are online. Nothing was done on it.

    [protected] DELETE /nodes/pve1/qemu/101 on prod: 500, guest 101 has Proxmox's protection flag set, which forbids removing it or its disks
    Somebody set it on purpose: ask first. Its option \`protection\` set to 0 takes it off.

    [locked] PUT /nodes/pve1/qemu/103/config on prod: 500, the guest is locked (migrate): it is being migrated
    Wait for that task; GET /nodes/pve1/tasks with source=active shows it. Only if none is running is the lock left over, and an administrator may remove it on the node with \`qm unlock\` or \`pct unlock\`.

    [conflict] PUT /nodes/pve1/qemu/100/config on prod: 500, the configuration was changed by somebody else since its digest was read (Proxmox says: checksum mismatch (file change by other user?))
    Read the configuration again, look at what changed, and send the change with the new digest.

    [not-found] GET /nodes/pve1/storage/nope/content on prod: 500, there is no storage nope
    GET /storage lists what there is.

    [not-found] GET /pools/nope on prod: 500, there is no pool nope
    GET /pools lists what there is.

    [not-found] GET /access/users/nope@pve on prod: 500, there is no user nope@pve
    GET /access/users lists what there is.

    [not-running] GET /nodes/pve1/qemu/100/agent/info on prod: 500, guest 100 is not running
    Start it first (POST /nodes/pve1/qemu/100/status/start), if that is wanted.

    [not-found] GET /nodes/pve1/tasks/UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam:/status on prod: 400, this node knows no such task
    GET /nodes/pve1/tasks lists the node's tasks; the node in a UPID is the one that has it.

    [not-found] GET /nodes/pve1/tasks/not-a-upid/status on prod: 400, the path names no task: a UPID is needed (UPID:node:pid:pstart:time:type:id:user:)
    GET /nodes/pve1/tasks lists the node's tasks; the node in a UPID is the one that has it.

    [parameters] GET /cluster/nextid on prod: 400, Parameter verification failed: vmid: VM 100 already exists
    GET /cluster/nextid without parameters gives a free VMID.

    [parameters] GET /cluster/resources on prod: 400, Parameter verification failed: type: value 'bogus' does not have a value in the enumeration 'vm, storage, node, sdn'
    Correct the value.

    [parameters] GET /nodes/pve1/storage/local/content on prod: 400, Parameter verification failed: bogus: property is not defined in schema and the schema does not allow additional properties
    Leave out what the endpoint does not know; a misspelt name looks the same."
  `);
});

test("every recorded fault, a frozen node and a lost quorum, too", async () => {
  expect(await retell(Object.values(alphaFaults).flat())).toMatchInlineSnapshot(`
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
async function told(
  status: number,
  reason: string,
  method: ProxmoxRequest["method"] = "PUT",
  path = "/nodes/pve1/lxc/200/config",
) {
  return await retell([{ request: { method, path }, response: { status, reason } }]);
}

test("a 596 leaves a write in doubt, a 595 does not", async () => {
  expect(await told(596, "Connection timed out")).toMatchInlineSnapshot(`
    "[node-timeout, sent maybe] PUT /nodes/pve1/lxc/200/config on prod: 596, node pve1 took the request from the node that answered, but did not answer in time (Proxmox says: Connection timed out)
    It may have been carried out. Look before you send it again: the object's own state, and GET /cluster/tasks for a task of it. The node hangs or is overloaded; GET /cluster/resources shows its state as the others see it."
  `);
  expect(await told(595, "No route to host")).toMatchInlineSnapshot(`
    "[node-offline] PUT /nodes/pve1/lxc/200/config on prod: 595, node pve1 cannot be reached by the node that answered (Proxmox says: No route to host)
    The node is off, or cut off from the cluster; GET /nodes shows which are online. Nothing was done on it."
  `);
});

test("reads texts that the recordings lack", async () => {
  const texts = [
    [403, "Permission check failed (/, Sys.Modify)"],
    [403, "Permission check failed (/mapping/pci/a b, Mapping.Use)"],
    [403, "Permission check failed (changing feature flags for privileged container is only allowed for root@pam)"],
    [501, "Unexpected content"],
    [500, "CT is locked (snapshot-delete)"],
    [500, "can't lock file '/run/lock/lxc/pve-config-200.lock' - got timeout"],
    [500, "CT 200 not running"],
    [500, "QEMU guest agent is not running"],
    [500, "detected modified configuration - file changed by other user? Try again."],
    [500, "something new"],
    [500, ""],
  ] as const;
  const lines: string[] = [];
  for (const [status, text] of texts) lines.push(await told(status, text));
  expect(lines.join("\n\n")).toMatchInlineSnapshot(`
    "[privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent lacks Sys.Modify on /
    An administrator can grant it on a node: pveum acl modify / --tokens 'mcp@pve!agent' --roles NAME, NAME being a role that holds it (pveum role add NAME --privs Sys.Modify makes one). What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent lacks Mapping.Use on /mapping/pci/a b
    An administrator can grant it on a node: pveum acl modify '/mapping/pci/a b' --tokens 'mcp@pve!agent' --roles PVEMappingUser. What is granted at a path replaces what the token inherits there, so include every role that it needs there; unless the token was made with --privsep 0, mcp@pve needs the privilege too.

    [privilege] PUT /nodes/pve1/lxc/200/config on prod: 403, token mcp@pve!agent may not do this (Proxmox says: Permission check failed (changing feature flags for privileged container is only allowed for root@pam))
    Some things only root@pam may do, and never a token of somebody else; do it on a node, or in the web interface.

    [unknown-endpoint] PUT /nodes/pve1/lxc/200/config on prod: 501, Unexpected content
    Either the path or the method is wrong, or this version lacks it; the API viewer at /pve-docs/api-viewer/ on a node lists every path with its methods.

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
