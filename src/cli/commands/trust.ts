import { X509Certificate } from "node:crypto";
import { parseEndpoint } from "../../config/clusters/endpoint.ts";
import { proxyFor } from "../../config/clusters/proxy.ts";
import { environment } from "../../config/environment.ts";
import { ConfigError, prefixed } from "../../config/error.ts";
import { bare } from "../../config/server/host.ts";
import { type Certificate, day } from "../../proxmox/tls/certificate.ts";
import { inspectCertificates } from "../../proxmox/transport/probe.ts";
import { plainLine } from "../../sanitize.ts";
import { ending } from "../check/certificate.ts";
import { command } from "../command.ts";

/** `trust`: the certificate of an endpoint, and the lines of configuration that would trust it. Sends nothing to it. */
export const trust = command({
  name: "trust",
  description: "show the certificate of a Proxmox VE node, and the lines that trust it",
  examples: ["proxmox-mcp trust https://pve1.example:8006"],
  args: { URL: { type: "positional", description: "as in clusters.json: host, host:port, https://host:port" } },
  run: async ({ words: [url = ""], redactor, write }) => {
    const endpoint = prefixed(`${url} `, () => parseEndpoint(url));
    if (endpoint.startsWith("http:")) throw new ConfigError(`${endpoint} is plain http and has no certificate.`);
    const proxy = proxyFor(endpoint, environment());
    redactor.add(proxy);
    const through = { proxy, redactor };
    const shown = await inspectCertificates(endpoint, { mode: "off" }, through);
    if (shown.problem !== undefined) {
      await write(process.stderr, [shown.problem.what, shown.problem.hint ?? ""].join("\n").trimEnd());
      return 1;
    }
    const [leaf, ...others] = shown.seen;
    if (leaf === undefined) throw new ConfigError(`${endpoint} shows no certificate.`);
    const judged = await inspectCertificates(endpoint, { mode: "verify" }, through);
    const doubt =
      judged.problem === undefined ? undefined : plainLine(judged.problem.what.replace(/ \(subject .*$/s, ""));
    await write(
      process.stdout,
      [...shownLines(endpoint, leaf, others), "", ...advice(endpoint, leaf, doubt)].join("\n"),
    );
    return 0;
  },
});

function shownLines(endpoint: string, leaf: Certificate, others: readonly Certificate[]): string[] {
  return [
    `${endpoint} shows this certificate:`,
    ...lines(leaf),
    ...others.flatMap((certificate) => ["signed by:", ...lines(certificate)]),
  ];
}

function lines({ subject, issuer, names, validFrom, validTo, fingerprint }: Certificate): string[] {
  return [
    `  subject  ${plainLine(subject)}`,
    `  issuer   ${plainLine(issuer)}`,
    ...(names.length === 0 ? [] : [`  names    ${plainLine(names.join(", "))}`]),
    `  valid    from ${day(validFrom)}, ${ending(validTo)}`,
    `  SHA-256  ${fingerprint}`,
  ];
}

function advice(endpoint: string, leaf: Certificate, doubt: string | undefined): string[] {
  const url = `"url": "${endpoint}"`;
  if (doubt === undefined) {
    return [
      "This machine trusts it already, by its own authorities. In clusters.json only the address is needed:",
      `  ${url}`,
    ];
  }
  const pin = `"fingerprint": "${leaf.fingerprint}"`;
  return [
    `This machine does not trust it: ${doubt.replace(/^\S+ shows /, "it is ")}.`,
    "",
    "First compare the SHA-256 with what the node itself says, at its console or over ssh, for pveproxy-ssl.pem or,",
    "where there is none, pve-ssl.pem: an attacker in between can present any certificate.",
    "  pvenode cert info",
    "",
    "If it is the same, these lines in the cluster's entry of clusters.json trust exactly this certificate:",
    `  ${url},`,
    `  ${pin}`,
    "",
    ...authority(endpoint, leaf, url),
  ];
}

/** The other way: the authority behind the certificate, which stays the same when the certificate is renewed. */
function authority(endpoint: string, leaf: Certificate, url: string): string[] {
  if (leaf.validTo.getTime() < Date.now()) {
    return [
      "It has expired, which only a fingerprint overlooks. Better renew it, on the node:",
      "  pvecm updatecerts --force",
    ];
  }
  const host = bare(new URL(endpoint).hostname);
  const certificate = new X509Certificate(leaf.pem);
  const named = certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined;
  return [
    "Or these, which go on when it is renewed, with a copy of the node's /etc/pve/pve-root-ca.pem beside clusters.json",
    `(if that is its issuer${named ? "" : `, and with one of its names in place of ${host}, for which it is not made`}):`,
    `  ${url},`,
    '  "ca_file": "pve-root-ca.pem"',
  ];
}
