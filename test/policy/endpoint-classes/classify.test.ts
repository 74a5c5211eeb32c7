import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { classify } from "../../../src/policy/endpoint-classes/classify.ts";
import { rows } from "../../../src/policy/endpoint-classes/index.ts";
import { parameterRules } from "../../../src/policy/endpoint-classes/parameters/index.ts";
import { classes } from "../../../src/policy/endpoint-classes/row.ts";
import type { Method } from "../../../src/proxmox/message.ts";
import { type Params, parseParams } from "../../../src/proxmox/params.ts";
import { encodePath, parsePath } from "../../../src/proxmox/path.ts";

function classOf(request: string, params: Record<string, unknown> = {}) {
  const [method, path = ""] = request.split(" ");
  const {
    class: name,
    irreversible,
    codeRequired,
    rule,
  } = classify({
    method: method as Method,
    path: parsePath(path),
    params: parseParams(params),
  });
  // What is irreversible always needs a code, and is written with its mark alone.
  expect(codeRequired || !irreversible).toBe(true);
  return `${name}${irreversible ? "!" : codeRequired ? "*" : ""} ${rule}`;
}

const config = "PUT /nodes/pve1/qemu/100/config";

describe("parameters count", () => {
  test.each([
    [config, {}, "change"],
    [config, { delete: "description" }, "destructive config-delete"],
    [config, { delete: ["onboot", "unused0"] }, "destructive! config-delete-volume"],
    [config, { delete: "scsi1" }, "destructive config-delete"],
    [config, { delete: "scsi1", force: 1 }, "destructive! config-delete-volume"],
    [config, { delete: "" }, "destructive config-delete"],
    [config, { scsi1: "none" }, "destructive disk-none"],
    [config, { scsi1: "file=none" }, "destructive disk-none"],
    [config, { scsi1: "discard=on,none" }, "destructive disk-none"],
    [config, { ide2: "none,media=cdrom" }, "change"],
    [config, { ide2: "local:iso/debian.iso,media=cdrom" }, "change"],
    [config, { scsi1: "vmdata:vm-100-disk-1,snapshot=1" }, "destructive disk-volatile"],
    [config, { scsi1: "vmdata:vm-100-disk-1,cache=unsafe" }, "destructive disk-volatile"],
    [config, { scsi1: "vmdata:vm-100-disk-1,snapshot=0,cache=none" }, "change"],
    [config, { scsi1: "vmdata:vm-100-disk-1,backup=0" }, "destructive disk-without-backup"],
    [config, { scsi1: "vmdata:vm-100-disk-1,backup=1" }, "change"],
    [config, { scsi1: "/dev/sdb" }, "destructive* host-path"],
    [config, { scsi1: "discard=on,file=/dev/sdb" }, "destructive* host-path"],
    [config, { scsi1: "local-lvm:0,import-from=/etc/shadow" }, "destructive* host-path"],
    [config, { scsi1: "local-lvm:32" }, "change"],
    [config, { args: "-device x" }, "destructive* host-program"],
    [config, { hookscript: "local:snippets/x.sh" }, "destructive* host-program"],
    [config, { cipassword: "x" }, "destructive* guest-access"],
    [config, { sshkeys: "ssh-ed25519 AAAA" }, "destructive* guest-access"],
    ["POST /nodes/pve1/qemu", { vmid: 300, cipassword: "x" }, "change"],
    ["PUT /nodes/pve1/lxc/200/config", { entrypoint: "/bin/sh" }, "destructive* guest-access"],
    [config, { hostpci0: "0000:01:00.0" }, "destructive* host-device"],
    [config, { usb0: "host=1-2" }, "destructive* host-device"],
    [config, { usb0: "spice" }, "change"],
    [config, { serial0: "socket" }, "change"],
    [config, { serial0: "/dev/ttyS0" }, "destructive* host-device"],
    [config, { protection: 0 }, "destructive protection-off"],
    [config, { protection: 1 }, "change"],
    [config, { net0: "virtio,bridge=vmbr0,firewall=0" }, "destructive card-firewall-off"],
    [config, { net0: "virtio,bridge=vmbr0,firewall=1" }, "change"],
    [config, { net0: "virtio,bridge=vmbr0" }, "destructive card-without-firewall"],
    ["POST /nodes/pve1/qemu", { vmid: 300, net0: "virtio,bridge=vmbr0" }, "change"],
    [config, { skiplock: "yes" }, "destructive skiplock"],
    [config, { skiplock: "off" }, "change"],
    [config, { skiplock: "nonsense" }, "destructive skiplock"],
    [config, { skiplock: "0\n" }, "destructive skiplock"],
    [config, { template: 1 }, "destructive* config-template"],
    ["POST /nodes/pve1/qemu/100/config", { delete: "scsi1" }, "destructive config-delete"],
    ["PUT /nodes/pve1/lxc/200/config", { mp0: "/etc,mp=/mnt" }, "destructive* host-path"],
    ["PUT /nodes/pve1/lxc/200/config", { mp0: "volume=/srv/a=b,mp=/mnt" }, "destructive* host-path"],
    ["PUT /nodes/pve1/lxc/200/config", { mp1: "mp=/mnt,volume=/sys/class=x" }, "destructive* host-path"],
    ["PUT /nodes/pve1/lxc/200/config", { mp1: "mp=/mnt,/srv/a=b" }, "destructive* host-path"],
    ["PUT /nodes/pve1/lxc/200/config", { mp1: "mp=/mnt,volume = /srv" }, "destructive* host-path"],
    ["PUT /nodes/pve1/lxc/200/config", { mp1: "tank:8,mp=/mnt/a=b" }, "change"],
    [config, { scsi3: "file=/dev/disk/by-id/x=y" }, "destructive* host-path"],
    [config, { scsi3: "file=/dev/disk/by-id/x=y,discard=on" }, "destructive* host-path"],
    [config, { usb0: "host=spice,usb3=1" }, "change"],
    [config, { usb0: "spice,host=1-2" }, "destructive* host-device"],
    [config, { usb0: "host=spice,mapping=stick" }, "destructive* host-device"],
    ["PUT /nodes/pve1/lxc/200/config", { features: "nesting=1" }, "change"],
    ["PUT /nodes/pve1/lxc/200/config", { features: "nesting=1,mount=nfs" }, "destructive* container-rights"],
    ["POST /nodes/pve1/lxc", { vmid: 300, unprivileged: 0 }, "destructive* container-rights"],
    ["POST /nodes/pve1/lxc", { vmid: 300, unprivileged: 1 }, "change"],
    ["POST /nodes/pve1/qemu", { vmid: 300, archive: "local:backup/x" }, "change"],
    ["POST /nodes/pve1/qemu", { vmid: 300, archive: "local:backup/x", force: true }, "destructive! create-force"],
    ["PUT /nodes/pve1/qemu/100/resize", { disk: "scsi0", size: "+10G" }, "change"],
    ["PUT /nodes/pve1/qemu/100/resize", { disk: "scsi0", size: "10G" }, "destructive! resize-absolute"],
    ["PUT /nodes/pve1/qemu/100/resize", { disk: "scsi0", size: "-1G" }, "destructive! resize-absolute"],
    ["PUT /nodes/pve1/qemu/100/unlink", { idlist: "scsi1" }, "destructive PUT"],
    ["PUT /nodes/pve1/qemu/100/unlink", { idlist: "scsi1", force: 1 }, "destructive! unlink-force"],
    ["POST /nodes/pve1/qemu/100/move_disk", { disk: "scsi0", storage: "x" }, "change"],
    ["POST /nodes/pve1/qemu/100/move_disk", { disk: "scsi0", storage: "x", delete: 1 }, "destructive* move-delete"],
    ["POST /nodes/pve1/qemu/100/move_disk", { disk: "scsi0", "target-vmid": 101 }, "destructive move-away"],
    ["POST /nodes/pve1/qemu/100/migrate", { target: "pve2" }, "change"],
    [
      "POST /nodes/pve1/qemu/100/migrate",
      { target: "pve2", migration_type: "insecure" },
      "destructive unencrypted-migration",
    ],
    ["PUT /cluster/options", { migration: "type=insecure,network=10.0.0.0/24" }, "destructive unencrypted-migration"],
    ["PUT /cluster/options", { migration: "type=secure" }, "change"],
    ["PUT /cluster/options", { webauthn: "rp=example.org" }, "destructive* cluster-logins"],
    ["PUT /cluster/options", { delete: "webauthn" }, "destructive* cluster-logins"],
    ["PUT /cluster/options", { "user-tag-access": "user-allow=free" }, "destructive* tag-permissions"],
    ["PUT /cluster/options", { http_proxy: "http://10.0.0.1:3128" }, "destructive* cluster-proxy"],
    ["PUT /cluster/replication/100-0", { remove_job: "full" }, "destructive* replication-remove"],
    ["PUT /cluster/replication/100-0", { rate: 10 }, "change"],
    ["POST /nodes/pve1/qemu/100/status/shutdown", { forceStop: 1 }, "destructive force"],
    ["POST /nodes/pve1/qemu/100/status/shutdown", { timeout: 30 }, "change"],
    ["POST /nodes/pve1/vzdump", { vmid: 100 }, "change"],
    ["POST /nodes/pve1/vzdump", { vmid: 100, remove: 0 }, "change"],
    ["POST /nodes/pve1/vzdump", { vmid: 100, "prune-backups": "keep-last=1" }, "destructive! backup-prune"],
    ["POST /nodes/pve1/vzdump", { vmid: 100, mode: "stop" }, "destructive backup-stop"],
    ["POST /nodes/pve1/vzdump", { vmid: 100, script: "/x" }, "destructive! backup-script"],
    ["POST /nodes/pve1/vzdump", { vmid: 100, dumpdir: "/etc" }, "destructive! backup-script"],
    [
      "POST /nodes/pve1/storage/local/download-url",
      { url: "x", "verify-certificates": 0 },
      "destructive unverified-download",
    ],
    ["POST /nodes/pve1/storage/local/download-url", { url: "x" }, "sensitive"],
    [config, { lock: "backup" }, "destructive lock"],
    ["POST /nodes/pve1/qemu/100/status/start", { purge: 1 }, "destructive purge"],
    ["POST /cluster/backup", { vmid: 100, mode: "stop" }, "destructive backup-stop"],
    ["POST /cluster/backup", { vmid: 100, mode: "snapshot" }, "change"],
    ["POST /cluster/backup", { vmid: 100, "prune-backups": "keep-last=3" }, "destructive* backup-job-prune"],
    ["PUT /cluster/backup/nightly", { script: "/x" }, "destructive* backup-job-script"],
    ["POST /nodes/pve1/qemu/100/remote_migrate", { "target-vmid": 100 }, "destructive* POST"],
    ["POST /nodes/pve1/qemu/100/remote_migrate", { delete: 1 }, "destructive! remote-migrate-delete"],
    ["PUT /access/users/a@pve/token/ci", { comment: "x" }, "destructive* PUT"],
    ["PUT /access/users/a@pve/token/ci", { regenerate: 1 }, "destructive! token-regenerate"],
    ["PUT /access/domains/corp", { comment: "x" }, "destructive* PUT"],
    ["PUT /access/domains/corp", { password: "x" }, "destructive! realm-secret"],
    ["PUT /access/domains/corp", { delete: "comment,password" }, "destructive! realm-secret"],
    ["PUT /storage/pbs", { disable: 1 }, "destructive PUT"],
    ["PUT /storage/pbs", { "encryption-key": "autogen" }, "destructive! storage-secret"],
    ["PUT /storage/pbs", { delete: ["keyring"] }, "destructive! storage-secret"],
    [config, { net0: "virtio,bridge=vmbr0", hookscript: "local:snippets/x.sh" }, "destructive* host-program"],
    // The class comes from one parameter, the code from another.
    [config, { delete: "unused0", cipassword: "x" }, "destructive! config-delete-volume"],
    ["PUT /nodes/pve1/firewall/options", { tcpflags: 0 }, "destructive* firewall-off"],
    ["PUT /nodes/pve1/firewall/options", { nf_conntrack_allow_invalid: 1 }, "destructive* firewall-off"],
    ["POST /cluster/firewall/rules", { type: "in", action: "ACCEPT" }, "destructive* rule-accept"],
    ["POST /nodes/pve1/lxc/200/firewall/rules", { type: "in", action: "accept" }, "destructive rule-accept"],
    ["PUT /cluster/firewall/groups/web/0", { action: "ACCEPT" }, "destructive* rule-accept"],
    ["POST /cluster/firewall/groups/web", { type: "in", action: "DROP" }, "change"],
    ["PUT /cluster/firewall/options", { enable: 0 }, "destructive* firewall-off"],
    ["PUT /cluster/firewall/options", { enable: 1 }, "change"],
    ["PUT /nodes/pve1/qemu/100/firewall/options", { policy_in: "ACCEPT" }, "destructive firewall-off"],
    ["PUT /nodes/pve1/firewall/rules/0", { enable: "0" }, "destructive* rule-off"],
    ["PUT /nodes/pve1/qemu/100/firewall/rules/0", { enable: 0 }, "destructive rule-off"],
    ["PUT /cluster/ha/resources/vm:100", { state: "stopped" }, "destructive ha-stop"],
    ["PUT /cluster/options", { delete: "bwlimit" }, "destructive settings-delete"],
    ["DELETE /nodes/pve1/qemu/100", { purge: 1 }, "destructive! DELETE"],
    ["POST /nodes/pve1/qemu/100/clone", { newid: 101 }, "change"],
    ["PUT /access/acl", { path: "/", roles: "Administrator" }, "destructive* PUT"],
  ])("%s %p is %s", (request, params, wanted) => {
    expect(classOf(request, params)).toStartWith(wanted);
  });

  test("every rule is proven by one of those", () => {
    const source = Bun.file(import.meta.path);
    return source.text().then((text) => {
      const unproven = parameterRules.map(({ name }) => name).filter((name) => !text.includes(` ${name}"`));
      expect(unproven).toEqual([]);
    });
  });
});

test("what the table does not know is the worst of its kind", () => {
  expect(classOf("GET /nodes/pve1/brand-new")).toBe("sensitive unknown");
  expect(classOf("POST /nodes/pve1/qemu/100/brand-new")).toBe("destructive! unknown");
  expect(classOf("PUT /nodes")).toBe("destructive! unknown");
  expect(classOf("GET /")).toBe("read root");
});

test.each([
  "GET /nodes/pve1/qemu/100/snapshot/before/config",
  "GET /nodes/pve1/report",
  "GET /access/domains/sso",
  "GET /nodes/pve1/ceph/cfg/db",
  "GET /cluster/notifications/endpoints/webhook",
])("%s shows secrets that Proxmox does not hide, so it is no plain read", (request) => {
  expect(classOf(request)).toStartWith("sensitive GET");
});

const anyParams: fc.Arbitrary<Params> = fc.dictionary(
  fc.constantFrom(
    "delete",
    "force",
    "purge",
    "skiplock",
    "scsi0",
    "net0",
    "size",
    "enable",
    "state",
    "memory",
    "name",
    "x",
  ),
  fc.oneof(fc.string({ unit: "grapheme" }), fc.integer(), fc.boolean()),
) as fc.Arbitrary<Params>;

test("a parameter never makes anything more harmless", () => {
  fc.assert(
    fc.property(fc.constantFrom(...rows), anyParams, anyParams, ({ endpoint }, some, more) => {
      const [method, template = ""] = endpoint.split(" ");
      const path = parsePath(template.replaceAll(/\{[\w-]+\}/g, "x1"));
      const weight = (params: Params) => {
        const { class: name, irreversible, codeRequired } = classify({ method: method as Method, path, params });
        return classes.indexOf(name) * 4 + Number(irreversible) * 2 + Number(codeRequired);
      };
      expect(weight({ ...more, ...some })).toBeGreaterThanOrEqual(Math.max(weight({}), 0));
      expect(weight({ ...some, "zz-new": "1" })).toBeGreaterThanOrEqual(weight(some));
    }),
  );
});

test("however a path is spelled, it is judged as what is sent", () => {
  const spelled = fc.constantFrom(...rows).chain(({ endpoint }) => {
    const [method = "", template = ""] = endpoint.split(" ");
    const plain = template.replaceAll(/\{[\w-]+\}/g, "x1");
    return fc.array(fc.boolean(), { minLength: plain.length, maxLength: plain.length }).map((flags) => ({
      method: method as Method,
      endpoint,
      text: [...plain]
        .map((char, index) =>
          char !== "/" && flags[index] ? `%${char.charCodeAt(0).toString(16).padStart(2, "0")}` : char,
        )
        .join(""),
    }));
  });
  fc.assert(
    fc.property(spelled, ({ method, endpoint, text }) => {
      const path = parsePath(text);
      // What Proxmox sees: our own encoding of the path, unescaped once.
      const seen = decodeURIComponent(encodePath(path));
      const { rule, template } = classify({ method, path });
      expect(`${method} ${template}`).toBe(endpoint);
      expect(rule).toBe(endpoint);
      expect(classify({ method, path: parsePath(encodePath(path)) }).rule).toBe(rule);
      expect(seen).toBe(endpoint.slice(endpoint.indexOf(" ") + 1).replaceAll(/\{[\w-]+\}/g, "x1"));
    }),
  );
});
