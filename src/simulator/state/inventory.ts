import type { Node, SimulatedCluster } from "./state.ts";

const titles: Readonly<Record<string, readonly [title: string, section: string]>> = {
  "libpam-runtime": ["Runtime support for the PAM library", "admin"],
  libssl3: ["Secure Sockets Layer toolkit", "libs"],
  "pve-firewall": ["Proxmox VE firewall", "admin"],
};

/** Packages that could be updated. */
export function packages(): object[] {
  return Object.entries(titles).map(([name, [title, section]], index) => ({
    Package: name,
    Title: title,
    Description: title,
    Section: section,
    Origin: name.startsWith("pve") ? "Proxmox" : "Debian",
    Arch: "amd64",
    Priority: "optional",
    OldVersion: `1.${index}.0`,
    Version: `1.${index}.1`,
  }));
}

/** The cluster's authority and the node's own certificate; only names and dates are real. */
export function certificates(world: SimulatedCluster, node: Node): object[] {
  const authority = "/CN=Proxmox Virtual Environment/OU=00000000-0000-4000-8000-000000000000/O=PVE Cluster Manager CA";
  const common = {
    issuer: authority,
    notbefore: Math.floor(node.booted / 1000) - 86400,
    "public-key-type": "rsaEncryption",
    pem: "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n",
  };
  const years = (count: number): number => common.notbefore + count * 365 * 86400;
  const days = world.faults.nodes[node.name]?.certificateDays;
  const ends = days === undefined ? years(2) : Math.floor(world.now() / 1000) + days * 86400;
  const names = ["127.0.0.1", "localhost", node.ip, node.name, `${node.name}.${world.name}.test`];
  return [
    {
      ...common,
      filename: "pve-root-ca.pem",
      subject: authority,
      notafter: years(10),
      fingerprint: Array(32).fill("A0").join(":"),
      san: [],
      "public-key-bits": 4096,
    },
    {
      ...common,
      filename: "pve-ssl.pem",
      subject: `/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN=${node.name}.${world.name}.test`,
      ...(days !== undefined && { notbefore: ends - 2 * 365 * 86400 }),
      notafter: ends,
      fingerprint: node.fingerprint,
      san: names,
      "public-key-bits": 2048,
    },
  ];
}
