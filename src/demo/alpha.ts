import { build, file, guest, liven, type Setting, storage, token, user } from "./build.ts";
import type { Config, Guest, World } from "./world.ts";

const smbios = (vmid: number): Config => ({ smbios1: `uuid=7ab6ac4a-0000-4000-8000-000000000${vmid}` });
const linux = { ostype: "l26" };

function guests(): Guest[] {
  const database = guest("qemu", 101, "pve1", {
    ...smbios(101),
    ...linux,
    name: "db-01",
    agent: "enabled=1,fstrim_cloned_disks=1",
    balloon: 2048,
    boot: "order=scsi0",
    cores: 4,
    cpu: "x86-64-v2-AES",
    description: "PostgreSQL primary",
    memory: "8192",
    meta: "creation-qemu=10.0.2,ctime=1750000100",
    net0: "virtio=BC:24:11:00:01:01,bridge=vmbr0,firewall=1,tag=20",
    numa: 0,
    parent: "before-upgrade",
    protection: 1,
    scsi0: "vmdata:101/vm-101-disk-0.qcow2,cache=writeback,discard=on,size=4G,ssd=1",
    scsi1: "vmdata:101/vm-101-disk-1.qcow2,size=2G",
    scsihw: "virtio-scsi-single",
    sockets: 1,
    tags: "db;prod",
  });
  const { parent: _, ...before } = database.config;
  database.snapshots.set("before-upgrade", {
    config: before,
    description: "snapshot before the 16 upgrade",
    snaptime: 1760000000,
    parent: undefined,
    vmstate: 0,
  });
  const waiting = guest("qemu", 104, "pve1", {
    ...linux,
    name: "pending-vm",
    boot: "order=ide2",
    cores: 1,
    memory: "512",
    net0: "virtio=BC:24:11:00:01:04,bridge=vmbr0",
    tags: "dev",
  });
  waiting.pending.set("memory", "1024").set("onboot", null);
  return [
    guest("qemu", 100, "pve1", {
      ...smbios(100),
      ...linux,
      name: "web-01",
      agent: "1",
      boot: "order=scsi0;net0",
      cores: 1,
      cpu: "qemu64",
      description: "Web front end\n\n* nginx 1.26\n* ünïcode ✓ 日本語",
      kvm: 0,
      memory: "256",
      meta: "creation-qemu=10.0.2,ctime=1750000000",
      net0: "virtio=BC:24:11:00:01:00,bridge=vmbr0",
      numa: 0,
      onboot: 1,
      scsi0: "vmdata:100/vm-100-disk-0.qcow2,size=1G",
      scsihw: "virtio-scsi-single",
      sockets: 1,
      startup: "order=1,up=30",
      tags: "prod;web",
      vmgenid: "0b7b1d9c-0000-4000-8000-000000000100",
    }),
    database,
    guest("qemu", 102, "pve1", {
      ...smbios(102),
      name: "win2022",
      bios: "ovmf",
      boot: "order=scsi0",
      cores: 2,
      efidisk0: "vmdata:102/vm-102-disk-0.qcow2,efitype=4m,size=1M",
      memory: "4096",
      net0: "virtio=BC:24:11:00:01:02,bridge=vmbr0",
      ostype: "win11",
      scsi0: "vmdata:102/vm-102-disk-1.qcow2,size=2G",
      tags: "windows",
    }),
    guest("qemu", 103, "pve1", { ...linux, name: "locked-vm", cores: 2, lock: "migrate", memory: "2048", tags: "dev" }),
    waiting,
    guest("qemu", 110, "pve2", { ...linux, name: "monitoring", cores: 2, memory: "4096", onboot: 1, tags: "prod" }),
    guest("qemu", 111, "pve2", { ...linux, name: "gitlab", cores: 2, memory: "16384", tags: "dev" }),
    guest("qemu", 120, "pve3", { ...linux, name: "legacy-app", cores: 2, memory: "2048" }),
    guest("lxc", 200, "pve1", {
      hostname: "dns-1",
      arch: "amd64",
      cores: 1,
      description: "internal resolver\n",
      features: "nesting=1",
      memory: 512,
      net0: "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:00,ip=192.0.2.100/24,gw=192.0.2.1,type=veth",
      onboot: 1,
      ostype: "debian",
      rootfs: "vmdata:200/vm-200-disk-0.raw,size=1G",
      swap: 512,
      tags: "infra;prod",
      unprivileged: 1,
    }),
    guest("lxc", 201, "pve1", {
      hostname: "proxy",
      arch: "amd64",
      cores: 2,
      memory: 1024,
      mp0: "vmdata:201/vm-201-disk-1.raw,mp=/srv,size=1G",
      net0: "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:01,ip=dhcp,type=veth",
      ostype: "debian",
      rootfs: "vmdata:201/vm-201-disk-0.raw,size=1G",
      swap: 0,
    }),
    guest("lxc", 210, "pve2", {
      hostname: "cache",
      arch: "amd64",
      cores: 2,
      memory: 2048,
      net0: "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:10,ip=dhcp,type=veth",
      ostype: "alpine",
      rootfs: "vmdata:210/vm-210-disk-0.raw,size=1G",
      swap: 512,
      tags: "dev",
    }),
    guest("lxc", 220, "pve3", { hostname: "old-ct", arch: "amd64", cores: 1, memory: 512, ostype: "debian" }),
    guest("qemu", 9000, "pve1", {
      ...linux,
      name: "debian-12-template",
      boot: "order=scsi0",
      ciuser: "debian",
      cores: 2,
      cpu: "host",
      ide2: "vmdata:9000/vm-9000-cloudinit.qcow2,media=cdrom",
      ipconfig0: "ip=dhcp",
      memory: "2048",
      net0: "virtio=BC:24:11:00:90:00,bridge=vmbr0",
      scsi0: "vmdata:9000/base-9000-disk-0.qcow2,size=2G",
      scsihw: "virtio-scsi-single",
      sshkeys: "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIG%20test%40example",
      tags: "template",
      template: 1,
    }),
  ];
}

function storages(all: readonly Guest[]) {
  const saved = (vmid: number): Config | undefined => ({ ...all.find((it) => it.vmid === vmid)?.config });
  const backup = (kind: string, vmid: number, time: string, ctime: number, format: string, more: Config = {}) =>
    file(
      `backups:backup/vzdump-${kind}-${vmid}-${time}.${format}`,
      undefined,
      { content: "backup", ctime, format, size: 200000, subtype: kind, vmid, ...more },
      saved(vmid),
    );
  const local = [
    file("local:iso/debian-12.11.0-amd64-netinst.iso", "pve1", { content: "iso", format: "iso", size: 3000000 }),
    file("local:iso/virtio-win-0.1.266.iso", "pve1", { content: "iso", format: "iso", size: 1000000 }),
    file("local:snippets/user.yaml", "pve1", { content: "snippets", format: "snippet", size: 14 }),
    file("local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst", "pve1", {
      content: "vztmpl",
      format: "tzst",
      size: 1000000,
    }),
  ];
  const backups = [
    backup("lxc", 200, "2026_10_01-02_10_01", 1790820601, "tar.zst"),
    backup("qemu", 100, "2026_10_01-02_00_01", 1790820001, "vma.zst", { notes: "nightly, checked" }),
  ];
  const pruning = "keep-daily=7,keep-last=3,keep-weekly=4";
  return {
    local: storage({ type: "dir", path: "/var/lib/vz", content: "iso,vztmpl,backup,snippets,import" }, local),
    "local-lvm": storage({
      type: "lvmthin",
      vgname: "pve",
      thinpool: "data",
      content: "images,rootdir",
      nodes: "pve3",
    }),
    vmdata: storage({ type: "dir", path: "/var/lib/vmdata", content: "images,rootdir" }),
    backups: storage(
      { type: "dir", path: "/var/lib/backups", content: "backup", shared: 1, "prune-backups": pruning },
      backups,
    ),
    nas: storage({
      type: "nfs",
      path: "/mnt/pve/nas",
      server: "192.0.2.50",
      export: "/export/pve",
      content: "images,iso",
      shared: 1,
      disable: 1,
    }),
  };
}

/** Three nodes of Proxmox VE 9.2, of which `pve3` is offline. */
export function alpha(setting: Setting): World {
  const all = guests();
  const mark = (start: string): string => [start, ...Array(30).fill("1A"), "71"].join(":");
  const world = build(setting, {
    name: "alpha",
    version: { version: "9.2.11", release: "9.2", repoid: "14a22df35955d97d" },
    modern: true,
    clustered: true,
    options: {
      console: "html5",
      description: "",
      keyboard: "de",
      mac_prefix: "BC:24:11",
      "allowed-tags": ["db", "dev", "infra", "prod", "template", "web", "windows"],
      "tag-style": { "color-map": "prod:ff0000:ffffff" },
    },
    nodes: [
      { name: "pve1", id: 1, ip: "192.0.2.11", fingerprint: mark("53"), online: true },
      { name: "pve2", id: 2, ip: "192.0.2.12", fingerprint: mark("26"), online: true },
      { name: "pve3", id: 3, ip: "192.0.2.13", fingerprint: mark("7F"), online: false },
    ],
    guests: all,
    storages: storages(all),
    pools: {
      dev: { comment: "Development", guests: [103, 104, 111], storages: [] },
      prod: { comment: "Production", guests: [100, 101, 200], storages: ["backups"] },
    },
    jobs: [
      {
        id: "backup-nightly",
        comment: "nightly",
        enabled: 1,
        mode: "snapshot",
        "notes-template": "{{guestname}}",
        pool: "prod",
        schedule: "02:00",
        storage: "backups",
      },
    ],
    users: {
      "audit@pve": user("MCP read only", { tokens: new Map([["tok", token("a0d1")]]) }),
      "gone@pve": user("disabled", { enable: 0 }),
      "mcp@pve": user("MCP server", {
        tokens: new Map([
          ["expired", token("e0", { expire: 1600000000 })],
          ["none", token("a0", { privsep: 1, comment: "separated, no ACL at all" })],
          ["tok", token("ad01", { comment: "full rights of its user" })],
        ]),
      }),
      "operator@pve": user("VM operator of pool dev", { tokens: new Map([["tok", token("09e1")]]) }),
      "root@pam": user(undefined),
    },
    groups: {
      admins: { comment: "Cluster administrators", users: ["mcp@pve"] },
      auditors: { comment: "Read only", users: ["audit@pve"] },
    },
    acl: [
      { path: "/", type: "group", ugid: "admins", roleid: "Administrator", propagate: 1 },
      { path: "/", type: "group", ugid: "auditors", roleid: "PVEAuditor", propagate: 1 },
      { path: "/pool/dev", type: "user", ugid: "operator@pve", roleid: "VMOperator", propagate: 1 },
    ],
  });
  return setting.asRecorded ? world : atWork(world);
}

/** Guests that run, and a nearly full pool on ZFS, where containers can have snapshots. */
function atWork(world: World): World {
  const tank = { type: "zfspool", pool: "tank/guests", content: "images,rootdir", nodes: "pve1,pve2", sparse: 1 };
  world.storages.set("tank", { config: tank, total: 107374182400, used: 97710505984, volumes: [] });
  const cache = world.guests.get(210);
  if (cache !== undefined) cache.config["rootfs"] = "tank:subvol-210-disk-0,size=8G";
  return liven(world, [100, 102, 110, 111, 200, 201, 210], "pve1");
}
