import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { daysFromNow, type Identity, makeIdentity } from "../support/pki.ts";
import { runProduct, startProduct } from "../support/product.ts";
import { closedPort, reply, startRawServer } from "../support/raw-server.ts";

let identity: Identity;
/** Certificates and keys in files; the server's own ends nowhere near loopback's names, and is over. */
let files: ConfigFile;
let https: Record<string, string>;

beforeAll(async () => {
  const dates = { notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) };
  identity = await makeIdentity({ names: ["mcp.example"], ...dates });
  const other = await makeIdentity();
  files = await configFile(
    {},
    { "cert.pem": identity.cert, "key.pem": identity.key, "other.pem": other.cert, "garbage.pem": "no PEM" },
  );
  https = { MCP_TLS_CERT_FILE: `${files.folder}/cert.pem`, MCP_TLS_KEY_FILE: `${files.folder}/key.pem` };
});

afterAll(async () => {
  await files[Symbol.asyncDispose]();
});

const portOf = (url: string) => new URL(url).port;

test("a server that listens everywhere with a token is asked on loopback, by its own settings", async () => {
  const env = { MCP_HOST: "0.0.0.0", MCP_AUTH_TOKEN: "t0ken-t0ken-t0ken" };
  await using product = await startProduct(["--demo"], env);
  const result = await runProduct(["health"], { ...env, MCP_PORT: portOf(product.url) });
  expect(result).toEqual({ code: 0, stdout: `http://127.0.0.1:${portOf(product.url)}/healthz: ok\n`, stderr: "" });
  const byFlags = await runProduct(["health", "--host", "::ffff:127.0.0.1", "--port", portOf(product.url)]);
  expect(byFlags.code).toBe(0);
});

test("https is asked under the server's own certificate, even for another name and after its end", async () => {
  await using product = await startProduct(["--demo"], https);
  const port = portOf(product.url);
  expect(await runProduct(["health"], { ...https, MCP_PORT: port })).toMatchObject({ code: 0, stderr: "" });
  const flags = ["--tls-cert-file", https["MCP_TLS_CERT_FILE"] ?? "", "--url", product.url];
  expect(await runProduct(["health", ...flags])).toMatchObject({ code: 0, stderr: "" });
});

test("a serving server is alive whatever has become of its certificate's file, and the difference is told", async () => {
  await using server = await startRawServer(reply(200, "OK", "ok\n"), { tls: identity });
  for (const [file, doubt] of [
    ["other.pem", "it shows another certificate than the one in"],
    ["garbage.pem", "cannot be read as a PEM certificate"],
    ["gone.pem", "cannot read"],
  ] as const) {
    const env = { MCP_TLS_CERT_FILE: `${files.folder}/${file}`, MCP_PORT: String(server.port) };
    expect(await runProduct(["health"], env)).toEqual({
      code: 0,
      stdout: `${server.url}/healthz: ok\n`,
      stderr: expect.stringContaining(doubt),
    });
  }
});

test("an address that the command line names is verified, unless the certificate is known", async () => {
  await using server = await startRawServer(reply(200, "OK", "ok\n"), { tls: identity });
  const unknown = await runProduct(["health", "--url", server.url]);
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("CERT_HAS_EXPIRED") });
  expect(server.requests).toHaveLength(0);
});

test("what is wrong is one line on stderr, exit 1", async () => {
  const port = String(await closedPort());
  const dead = await runProduct(["health"], { MCP_PORT: port });
  expect(dead).toEqual({
    code: 1,
    stdout: "",
    stderr: `http://127.0.0.1:${port}/healthz: nothing listens there; host and port are those of MCP_HOST and MCP_PORT\n`,
  });
  await using other = await startRawServer(reply(404, "Not Found", ""));
  const stranger = await runProduct(["health", "--url", other.url]);
  expect(stranger).toMatchObject({
    code: 1,
    stdout: "",
    stderr: `${other.url}/healthz: answers 404; is that proxmox-mcp?\n`,
  });
  for (const env of [{ MCP_PORT: "http" }, { MCP_PORT: "0" }, { MCP_TLS_CERT_FILE: "/nonexistent/cert.pem" }]) {
    expect(await runProduct(["health"], env)).toMatchObject({ code: 1, stdout: "" });
  }
});

test("of --url no password is printed, and what fails is not blamed on the settings", async () => {
  const port = await closedPort();
  expect(await runProduct(["health", "--url", `http://someone:s3cr3t@127.0.0.1:${port}`])).toEqual({
    code: 1,
    stdout: "",
    stderr: `http://127.0.0.1:${port}/healthz: nothing listens there; host and port are those of --url\n`,
  });
});

test("a server that keeps silent is unhealthy after 2 s", async () => {
  await using silent = await startRawServer(() => undefined);
  const started = performance.now();
  const result = await runProduct(["health"], { MCP_PORT: String(silent.port) });
  expect(result).toEqual({ code: 1, stdout: "", stderr: `${silent.url}/healthz: no answer within 2 s\n` });
  expect(performance.now() - started).toBeLessThan(3_500);
});
