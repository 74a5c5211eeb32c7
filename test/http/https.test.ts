import { expect, test } from "bun:test";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { configFile } from "../support/config-file.ts";
import { daysFromNow, makeAuthority, makeIdentity } from "../support/pki.ts";
import { startProduct } from "../support/product.ts";

/** The fingerprint that a server shows. */
function shown(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.end();
    });
    socket.on("error", reject);
  });
}

test("serves https with the certificate that is configured, and takes a new one without a restart", async () => {
  const authority = await makeAuthority();
  const [first, second] = [await makeIdentity({ authority }), await makeIdentity({ authority })];
  await using files = await configFile({}, { "cert.pem": first.cert, "key.pem": first.key });
  const at = (name: string) => join(files.folder, name);
  await using product = await startProduct([
    "--demo",
    "--tls-cert-file",
    at("cert.pem"),
    "--tls-key-file",
    at("key.pem"),
  ]);
  expect(product.url).toStartWith("https://");
  const health = await fetch(new URL("/healthz", product.url), { tls: { ca: authority.pem } });
  expect(health.status).toBe(200);
  expect(await shown(product.url)).toBe(first.fingerprint);

  // A stream that is open outlives the change.
  const stream = await fetch(new URL("/sse", product.url), { tls: { ca: authority.pem } });
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain("event: endpoint");

  await writeFile(at("key.new"), second.key, { mode: 0o600 });
  await rename(at("key.new"), at("key.pem"));
  while (!product.stderr().includes("the old one stays")) await Bun.sleep(100);
  expect(await shown(product.url)).toBe(first.fingerprint);

  await writeFile(at("cert.pem"), second.cert, { mode: 0o600 });
  while (!product.stderr().includes("the new certificate is in use")) await Bun.sleep(100);
  expect(await shown(product.url)).toBe(second.fingerprint);
  const expired = await makeIdentity({ authority, notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) });
  await writeFile(at("key.pem"), expired.key, { mode: 0o600 });
  await writeFile(at("cert.pem"), expired.cert, { mode: 0o600 });
  while (!product.stderr().includes(`The certificate in ${at("cert.pem")} expired on`)) await Bun.sleep(100);
  const more = await Promise.race([reader.read(), Bun.sleep(20_000)]);
  expect(more && !more.done).toBe(true);
  await reader.cancel();
}, 40_000);
