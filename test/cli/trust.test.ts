import { expect, test } from "bun:test";
import { configFile } from "../support/config-file.ts";
import { daysFromNow, type Identity, makeAuthority, makeIdentity } from "../support/pki.ts";
import { runProduct } from "../support/product.ts";
import { closedPort, startRawServer } from "../support/raw-server.ts";

/** Runs `trust` at a server with this certificate; what differs from run to run is replaced. */
async function trust(identity: Identity, env: Record<string, string> = {}) {
  await using server = await startRawServer(() => undefined, { tls: identity });
  const { code, stdout, stderr } = await runProduct(["trust", server.url], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(server.received()).toBe(0);
  const told = stdout
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replaceAll(identity.fingerprint, "AB:CD")
    .replaceAll(/\d{4}-\d\d-\d\d/g, "DATE");
  return { stdout, told };
}

test("shows the certificate, how to compare it, and the lines that trust it; sends nothing", async () => {
  const authority = await makeAuthority("CN=Proxmox Virtual Environment");
  const { told } = await trust(await makeIdentity({ authority }));
  expect(told).toMatchInlineSnapshot(`
    "https://127.0.0.1:PORT shows this certificate:
      subject  CN=pve1.test
      issuer   CN=Proxmox Virtual Environment
      names    127.0.0.1, localhost
      valid    from DATE, ends in 30 days (DATE)
      SHA-256  AB:CD

    This machine does not trust it: it is a certificate from an authority that this machine does not know (UNABLE_TO_VERIFY_LEAF_SIGNATURE).

    First compare the SHA-256 with what the node itself says, at its console or over ssh, for pveproxy-ssl.pem or,
    where there is none, pve-ssl.pem: an attacker in between can present any certificate.
      pvenode cert info

    If it is the same, these lines in the cluster's entry of clusters.json trust exactly this certificate:
      "url": "https://127.0.0.1:PORT",
      "fingerprint": "AB:CD"

    Or these, which go on when it is renewed, with a copy of the node's /etc/pve/pve-root-ca.pem beside clusters.json
    (if that is its issuer):
      "url": "https://127.0.0.1:PORT",
      "ca_file": "pve-root-ca.pem"
    "
  `);
});

test("the lines work: pasted into a cluster's entry, they are a configuration that check accepts", async () => {
  const authority = await makeAuthority();
  const identity = await makeIdentity({ authority });
  await using server = await startRawServer((socket) => socket.destroy(), { tls: identity });
  const { stdout } = await runProduct(["trust", server.url.replace("https://", "")]);
  const pasted = [...stdout.matchAll(/^ {2}("url": .*)\n {2}("(?:fingerprint|ca_file)": .*)$/gm)];
  expect(pasted).toHaveLength(2);
  for (const [, url, trusted] of pasted) {
    const text = `{"clusters": {"home": {${url}${trusted}, "user": "a@pve", "token_id": "b", "token_secret": "c"}}}`;
    await using config = await configFile({}, { "pve-root-ca.pem": authority.pem });
    await config.write(text);
    expect((await runProduct(["check", "--config", config.path])).stdout).toMatch(/ok +certificate/);
  }
});

test("a certificate for other names says so where the authority's file is offered", async () => {
  const { told } = await trust(await makeIdentity({ authority: await makeAuthority(), names: ["pve1.test"] }));
  expect(told).toContain("names    pve1.test");
  expect(told).toContain("with one of its names in place of 127.0.0.1, for which it is not made");
});

test("an expired certificate is offered only as a pin, and better renewed", async () => {
  const { told } = await trust(await makeIdentity({ notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) }));
  expect(told).toContain("expired 2 days ago");
  expect(told).toContain("pvecm updatecerts --force");
  expect(told).not.toContain("ca_file");
});

test("one that this machine trusts already needs neither line", async () => {
  const authority = await makeAuthority();
  await using file = await configFile({}, { "ca.pem": authority.pem });
  const identity = await makeIdentity({ authority });
  const { told } = await trust(identity, { NODE_EXTRA_CA_CERTS: `${file.folder}/ca.pem` });
  expect(told).toContain("This machine trusts it already");
  expect(told).not.toContain("fingerprint");
});

test("a chain is shown whole", async () => {
  const authority = await makeAuthority("CN=Above");
  const identity = await makeIdentity({ authority });
  const { stdout } = await trust({ ...identity, cert: `${identity.cert}\n${authority.pem}` });
  expect(stdout).toContain(`signed by:\n  subject  CN=Above\n`);
  expect(stdout).toContain(authority.identity.fingerprint);
});

test("what cannot be shown is said on stderr, exit 1 or 2", async () => {
  const dead = await runProduct(["trust", `127.0.0.1:${await closedPort()}`]);
  expect(dead).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("refused the connection") });
  await using plain = await startRawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), {
    onConnection: (socket) => void socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  });
  const noTls = await runProduct(["trust", `127.0.0.1:${plain.port}`]);
  expect(noTls).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("TLS handshake") });
  const http = await runProduct(["trust", "http://127.0.0.1:8006"]);
  expect(http).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("no certificate") });
  const wrong = await runProduct(["trust", "https://user@pve1"]);
  expect(wrong).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining('holds an "@"') });
});
