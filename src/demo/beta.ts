import { build, file, guest, liven, type Setting, storage, token, user } from "./build.ts";
import type { World } from "./world.ts";

/** A single node of Proxmox VE 8.4 that belongs to no cluster. */
export function beta(setting: Setting): World {
  const iso = { content: "iso", format: "iso", size: 3000000 };
  const template = { content: "vztmpl", format: "tzst", size: 1000000 };
  const world = build(setting, {
    name: "beta",
    version: { version: "8.4.21", release: "8.4", repoid: "2606ac850d46da29" },
    modern: false,
    clustered: false,
    options: { description: "", mac_prefix: "BC:24:11", "allowed-tags": ["beta"] },
    nodes: [
      {
        name: "bpve",
        id: 1,
        ip: "192.0.2.21",
        fingerprint: ["C3", ...Array(30).fill("2B"), "A8"].join(":"),
        online: true,
      },
    ],
    guests: [
      guest("qemu", 100, "bpve", {
        name: "beta-vm",
        boot: "order=scsi0",
        cores: 1,
        memory: "128",
        ostype: "l26",
        scsi0: "local:100/vm-100-disk-0.qcow2,size=1G",
        tags: "beta",
      }),
      guest("qemu", 105, "bpve", { name: "beta-db", cores: 2, memory: "1024", ostype: "l26" }),
      guest("lxc", 200, "bpve", {
        hostname: "beta-ct",
        arch: "amd64",
        cores: 1,
        memory: 512,
        ostype: "debian",
        rootfs: "local:200/vm-200-disk-0.raw,size=1G",
        swap: 512,
      }),
    ],
    storages: {
      local: storage({ type: "dir", path: "/var/lib/vz", content: "iso,vztmpl,backup,snippets,images,rootdir" }, [
        file("local:iso/debian-12.11.0-amd64-netinst.iso", "bpve", iso),
        file("local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst", "bpve", template),
      ]),
    },
    pools: {},
    jobs: [],
    users: {
      "mcp@pve": user("MCP server", {
        tokens: new Map([["tok", token("be7a", { comment: "full rights of its user" })]]),
      }),
      "root@pam": user(undefined),
    },
    groups: { admins: { comment: "Cluster administrators", users: ["mcp@pve"] } },
    acl: [{ path: "/", type: "group", ugid: "admins", roleid: "Administrator", propagate: 1 }],
  });
  return setting.asRecorded ? world : liven(world, [100, 200], "bpve");
}
