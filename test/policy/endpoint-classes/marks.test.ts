import { describe, expect, test } from "bun:test";
import { classify } from "../../../src/policy/endpoint-classes/classify.ts";
import { rows } from "../../../src/policy/endpoint-classes/index.ts";
import { parameterRules } from "../../../src/policy/endpoint-classes/parameters/index.ts";
import { isIrreversible } from "../../../src/policy/endpoint-classes/secrets.ts";
import { covers } from "../../../src/policy/pattern.ts";
import type { Method } from "../../../src/proxmox/message.ts";
import { parsePath } from "../../../src/proxmox/path.ts";

function endpointsWhere(wanted: (row: (typeof rows)[number]) => boolean): string[] {
  return rows.filter(wanted).map(({ endpoint }) => endpoint);
}

function isOneOf(endpoint: string, patterns: readonly string[]): boolean {
  const [method = "", template = ""] = endpoint.split(" ");
  return patterns.some((pattern) => covers(pattern, method, template.slice(1).split("/")));
}

describe("irreversible", () => {
  test("is only what no later call can undo: each endpoint that creates or changes something was reviewed", () => {
    expect(endpointsWhere(({ endpoint, irreversible }) => irreversible && !endpoint.startsWith("DELETE "))).toEqual([
      // May delete users with their API tokens (remove-vanished, also by the realm's defaults).
      "POST /access/domains/{realm}/sync",
      "PUT /access/password",
      // No call dissolves a cluster.
      "POST /cluster/config",
      "POST /cluster/config/join",
      "POST /nodes/{node}/certificates/custom",
      // Each runs something in the guest or discards what it wrote.
      "POST /nodes/{node}/qemu/{vmid}/agent/exec",
      "POST /nodes/{node}/qemu/{vmid}/agent/file-write",
      "POST /nodes/{node}/qemu/{vmid}/agent/set-user-password",
      "POST /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
      "POST /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback",
      // Each overwrites a disk, a volume or a file.
      "POST /nodes/{node}/disks/directory",
      "POST /nodes/{node}/disks/initgpt",
      "POST /nodes/{node}/disks/lvm",
      "POST /nodes/{node}/disks/lvmthin",
      "PUT /nodes/{node}/disks/wipedisk",
      "POST /nodes/{node}/disks/zfs",
      "POST /nodes/{node}/storage/{storage}/content/{volume}",
      "POST /nodes/{node}/storage/{storage}/upload",
      "POST /nodes/{node}/ceph/osd",
      // Discards changes that no GET shows afterwards.
      "POST /cluster/sdn/rollback",
    ]);
  });

  test("is a deletion that loses data, a secret or an identity, and no deletion of a definition that a GET shows", () => {
    expect(endpointsWhere(({ endpoint, irreversible }) => irreversible && endpoint.startsWith("DELETE "))).toEqual([
      "DELETE /access/domains/{realm}",
      "DELETE /access/tfa/{userid}/{id}",
      "DELETE /access/users/{userid}",
      "DELETE /access/users/{userid}/token/{tokenid}",
      "DELETE /cluster/acme/account/{name}",
      "DELETE /cluster/acme/plugins/{id}",
      "DELETE /cluster/config/nodes/{node}",
      "DELETE /cluster/metrics/server/{id}",
      "DELETE /cluster/notifications/endpoints/gotify/{name}",
      "DELETE /cluster/notifications/endpoints/smtp/{name}",
      "DELETE /cluster/notifications/endpoints/webhook/{name}",
      "DELETE /nodes/{node}/certificates/acme/certificate",
      "DELETE /nodes/{node}/certificates/custom",
      "DELETE /nodes/{node}/network",
      "DELETE /nodes/{node}/qemu/{vmid}",
      "DELETE /nodes/{node}/qemu/{vmid}/snapshot/{snapname}",
      "DELETE /nodes/{node}/lxc/{vmid}",
      "DELETE /nodes/{node}/lxc/{vmid}/snapshot/{snapname}",
      "DELETE /nodes/{node}/disks/directory/{name}",
      "DELETE /nodes/{node}/disks/lvm/{name}",
      "DELETE /nodes/{node}/disks/lvmthin/{name}",
      "DELETE /nodes/{node}/disks/zfs/{name}",
      "DELETE /nodes/{node}/storage/{storage}/content/{volume}",
      "DELETE /nodes/{node}/storage/{storage}/prunebackups",
      "DELETE /storage/{storage}",
      "DELETE /nodes/{node}/ceph/osd/{osdid}",
      "DELETE /nodes/{node}/ceph/pool/{name}",
      "DELETE /cluster/sdn/dns/{dns}",
      "DELETE /cluster/sdn/ipams/{ipam}",
    ]);
  });

  test("is always destructive and needs a code, by endpoint and by parameter", () => {
    for (const row of rows.filter(({ irreversible }) => irreversible)) {
      expect(row).toMatchObject({ class: "destructive", codeRequired: true });
    }
    for (const rule of parameterRules.filter(({ irreversible }) => irreversible)) {
      expect(rule).toMatchObject({ class: "destructive" });
    }
  });
});

describe("irreversible by what a deleted definition holds", () => {
  const decide = (endpoint: string, definition: unknown) => {
    const [method, path = ""] = endpoint.split(" ");
    return isIrreversible(classify({ method: method as Method, path: parsePath(path) }), definition);
  };

  test.each([
    ["DELETE /storage/media", { type: "nfs", server: "10.0.0.1" }, false],
    ["DELETE /storage/media", { type: "dir", path: "/mnt/media" }, false],
    ["DELETE /storage/pbs", { type: "pbs", username: "backup@pbs" }, true],
    ["DELETE /storage/share", { type: "cifs" }, true],
    ["DELETE /storage/new", { type: "not-known-yet" }, true],
    ["DELETE /access/domains/corp", { type: "ldap", bind_dn: "cn=reader" }, true],
    ["DELETE /access/domains/corp", { type: "ad" }, false],
    ["DELETE /access/domains/sso", { type: "openid", "client-key": "x" }, true],
    ["DELETE /access/domains/sso", { type: "openid" }, false],
    ["DELETE /cluster/acme/plugins/http", { type: "standalone" }, false],
    ["DELETE /cluster/acme/plugins/cf", { type: "dns", api: "cf" }, true],
    ["DELETE /cluster/metrics/server/g", { type: "graphite" }, false],
    ["DELETE /cluster/metrics/server/i", { type: "influxdb" }, false],
    ["DELETE /cluster/metrics/server/i", { type: "influxdb", influxdbproto: "https" }, true],
    ["DELETE /cluster/metrics/server/o", { type: "opentelemetry", "otel-headers": "e30=" }, true],
    ["DELETE /cluster/metrics/server/n", { type: "not-known-yet" }, true],
    ["DELETE /cluster/notifications/endpoints/smtp/mail", { server: "mail" }, false],
    ["DELETE /cluster/notifications/endpoints/smtp/mail", { server: "mail", username: "pve" }, true],
    ["DELETE /cluster/sdn/ipams/pve", { type: "pve" }, false],
    ["DELETE /cluster/sdn/ipams/box", { type: "netbox" }, true],
    // What cannot be read may hold one, and other endpoints do not depend on what is shown.
    ["DELETE /storage/media", undefined, true],
    ["DELETE /storage/media", [{ type: "nfs" }], true],
    ["DELETE /nodes/pve1/qemu/100", { type: "nfs" }, true],
    ["DELETE /cluster/backup/nightly", { id: "nightly" }, false],
  ])("%s with %p: %p", (endpoint, definition, wanted) => {
    expect(decide(endpoint, definition)).toBe(wanted);
  });
});

describe("a code is required for", () => {
  /** Permissions, logins and what opens a way to a host or runs programs. */
  const guarded = [
    "PUT /access/**",
    "POST /access/**",
    "DELETE /access/**",
    "PUT /pools/**",
    "DELETE /pools/**",
    "* /cluster/jobs/realm-sync/{id}",
    "* /cluster/config/**",
    "POST /cluster/config",
    "* /cluster/mapping/*/**",
    "* /cluster/acme/plugins/**",
    "* /nodes/{node}/apt/repositories",
    "* /nodes/{node}/certificates/custom",
    "POST /nodes/{node}/vncshell",
    "POST /nodes/{node}/spiceshell",
    "POST /nodes/{node}/termproxy",
    "POST /nodes/{node}/{type}/{vmid}/termproxy",
    "POST /nodes/{node}/{type}/{vmid}/vncproxy",
    "POST /nodes/{node}/{type}/{vmid}/spiceproxy",
    "POST /nodes/{node}/{type}/{vmid}/mtunnel",
    "POST /nodes/{node}/{type}/{vmid}/remote_migrate",
    "POST /nodes/{node}/qemu/{vmid}/agent/exec",
    "POST /nodes/{node}/qemu/{vmid}/agent/file-write",
    "POST /nodes/{node}/qemu/{vmid}/agent/set-user-password",
    "PUT /nodes/{node}/qemu/{vmid}/sendkey",
    "POST /storage",
  ];

  test("every endpoint that changes permissions, opens a way to a host or runs programs", () => {
    // Neither gives a login: one returns an address, the other says whether a ticket is valid.
    const harmless = ["POST /access/openid/auth-url", "POST /access/vncticket"];
    const open = endpointsWhere(
      ({ endpoint, class: name, codeRequired }) =>
        !endpoint.startsWith("GET ") && name !== "refused" && isOneOf(endpoint, guarded) && !codeRequired,
    );
    expect(open).toEqual(harmless);
    for (const pattern of guarded) expect(rows.some(({ endpoint }) => isOneOf(endpoint, [pattern]))).toBe(true);
  });

  test("every deletion but those of what is pending, locked or running", () => {
    const open = endpointsWhere(({ endpoint, codeRequired }) => endpoint.startsWith("DELETE ") && !codeRequired);
    expect(open).toEqual([
      "DELETE /nodes/{node}/network/{iface}",
      "DELETE /nodes/{node}/tasks/{upid}",
      "DELETE /cluster/sdn/lock",
    ]);
  });

  test("nothing that passes without a question, where it would have no effect", () => {
    expect(
      rows.filter(({ class: name, codeRequired }) => codeRequired && (name === "change" || name === "read")),
    ).toEqual([]);
    for (const { class: name, codeRequired } of parameterRules) {
      if (codeRequired) expect(name).toBe("destructive");
    }
  });
});

describe("every reason", () => {
  const reasons = [
    ...rows.map(({ endpoint, reason }) => [endpoint, reason] as const),
    ...parameterRules.map(({ name, reason }) => [name, reason] as const),
    ...["GET /nodes/x/new", "POST /nodes/x/new"].map((text) => {
      const [method, path = ""] = text.split(" ");
      return [text, classify({ method: method as Method, path: parsePath(path) }).reason] as const;
    }),
  ];

  test("is a short sentence in the present tense, without capital and full stop", () => {
    for (const [name, reason] of reasons) {
      expect({ name, reason }).toEqual({
        name,
        reason: expect.stringMatching(/^it (?:only |also |may )?[a-z-]+ .*[\w)]$|^it only reads$/),
      });
      expect({ name, long: reason.length > 90 }).toEqual({ name, long: false });
      expect({ name, reason }).toEqual({ name, reason: expect.not.stringMatching(/undone|irrevers.*;|\.\s|\n/) });
    }
  });

  test("is in plain technical English", () => {
    const quaint =
      /\b(?:anew|whoever|whatever|whence|whom|nobody|somebody|everybody|stands|told|lets?|lends?|keepers?|shelf|deaf|knock|no more|of its own|goes past|looks?|throws|takes (?!a snapshot)|makes (?:a|an|the guest a)\b|thing|again|away|to work|to use|it gives|it puts)\b/;
    expect(reasons.filter(([, reason]) => quaint.test(reason))).toEqual([]);
  });
});
