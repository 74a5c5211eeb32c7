import { describe, expect, test } from "bun:test";
import { ConfigError } from "../../../src/config/error.ts";
import { loadLogConfig } from "../../../src/config/server/log.ts";
import type { Flags } from "../../../src/config/server/option-sources.ts";
import { loadServerConfig } from "../../../src/config/server/server.ts";
import { settings } from "../../../src/config/server/settings.ts";
import { daysFromNow, makeAuthority, makeIdentity } from "../../support/pki.ts";
import { selfSigned } from "../certificates.ts";
import { folderWith } from "../files/folder.ts";

const token = "a-token-of-good-length";

function load(env: Readonly<Record<string, string>>, flags: Flags = {}) {
  return loadServerConfig({ flags, env });
}

function refusal(env: Readonly<Record<string, string>>, flags: Flags = {}): string {
  try {
    return `accepted: ${JSON.stringify(load(env, flags))}`;
  } catch (error) {
    return error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`;
  }
}

test("without any setting it listens on 127.0.0.1:8000, without token and TLS", () => {
  expect(load({})).toEqual({
    host: "127.0.0.1",
    port: 8000,
    allowedHosts: [],
    allowedOrigins: [],
    authToken: undefined,
    tls: undefined,
    warnings: [],
  });
  expect(load({ MCP_HOST: "", MCP_PORT: "", MCP_ALLOWED_HOSTS: "" })).toEqual(load({}));
});

test("the defaults in the table of settings are the ones that hold", () => {
  const usual = (variable: string) => settings.find((setting) => setting.variable === variable)?.default;
  const { host, port } = load({});
  const { level, format } = loadLogConfig({ flags: {}, env: {} });
  expect([host, String(port), level, format]).toEqual(
    ["MCP_HOST", "MCP_PORT", "MCP_LOG_LEVEL", "MCP_LOG_FORMAT"].map((name) => `${usual(name)}`),
  );
});

test("no two settings share a variable or a flag, and no flag takes a secret itself", () => {
  const flags: string[] = settings.flatMap(({ flag }) => (flag === undefined ? [] : [flag]));
  expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length);
  expect(new Set(flags).size).toBe(flags.length);
  expect(flags.filter((flag) => /token|secret/.test(flag))).toEqual(["auth-token-file"]);
});

test("a flag wins over its variable", () => {
  const flags = {
    host: "::1",
    port: "0",
    "allowed-hosts": "a",
    "allowed-origins": "https://b",
    "allow-unauthenticated": false,
  };
  const env = {
    MCP_HOST: "0.0.0.0",
    MCP_PORT: "9",
    MCP_ALLOWED_HOSTS: "x",
    MCP_ALLOWED_ORIGINS: "*",
    MCP_ALLOW_UNAUTHENTICATED: "1",
  };
  expect(load(env, flags)).toMatchObject({
    host: "::1",
    port: 0,
    allowedHosts: ["a"],
    allowedOrigins: ["https://b"],
  });
  expect(load({}, { host: "[::1]", port: 65535, "allow-unauthenticated": true })).toMatchObject({
    host: "::1",
    port: 65535,
  });
});

test("whether an open port may go without a token is decided by the flag, if it is given", () => {
  const open = { MCP_HOST: "0.0.0.0", MCP_ALLOW_UNAUTHENTICATED: "1" };
  expect(load(open).host).toBe("0.0.0.0");
  expect(() => load(open, { "allow-unauthenticated": false })).toThrow("needs a bearer token");
  expect(load({ MCP_HOST: "0.0.0.0" }, { "allow-unauthenticated": true }).host).toBe("0.0.0.0");
});

test("every mistake is told at once, by the name of the flag or variable that made it", () => {
  const env = {
    MCP_HOST: "127.0.0.1:8000",
    MCP_PORT: "80a",
    MCP_ALLOWED_HOSTS: "ok, *.example, http://x, fd00::1, h:99999, [::1]:*, *, h:*",
    MCP_ALLOWED_ORIGINS: "https://ok:1, example.org, https://x/, null, *, vscode-webview://abc, http://[::1]:3",
    MCP_ALLOW_UNAUTHENTICATED: "maybe",
    MCP_AUTH_TOKEN: "a b",
    MCP_TLS_CERT_FILE: "cert.pem",
  };
  expect(refusal(env)).toMatchInlineSnapshot(`
    "The server's settings have 12 mistakes:
      MCP_HOST: must be an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::1; the port is MCP_PORT.
      MCP_PORT: must be a port, a number from 0 to 65535; 0 takes any free one.
      MCP_ALLOWED_HOSTS, entry 2: must be host, host:*, host:port, [IPv6], [IPv6]:port, or * for all.
      MCP_ALLOWED_HOSTS, entry 3: is a url; write only the host, or host:port.
      MCP_ALLOWED_HOSTS, entry 4: an IPv6 address stands in brackets: [fd00::1].
      MCP_ALLOWED_HOSTS, entry 5: must be host, host:*, host:port, [IPv6], [IPv6]:port, or * for all.
      MCP_ALLOWED_ORIGINS, entry 2: must be scheme://host or scheme://host:port without a path, or * for all.
      MCP_ALLOWED_ORIGINS, entry 3: must be scheme://host or scheme://host:port without a path, or * for all.
      MCP_ALLOWED_ORIGINS, entry 4: must be scheme://host or scheme://host:port without a path, or * for all.
      MCP_ALLOW_UNAUTHENTICATED: must be 1, true or yes, or 0, false or no.
      MCP_AUTH_TOKEN: must be visible ASCII without spaces, since it goes into an HTTP header.
      MCP_TLS_CERT_FILE: needs MCP_TLS_KEY_FILE too; https takes both."
  `);
  expect(refusal({ MCP_TLS_KEY_FILE: "" }, { port: "70000", host: "", "log-level": "x" })).toMatchInlineSnapshot(`
    "The server's settings have 4 mistakes:
      --host: is empty.
      --port: must be a port, a number from 0 to 65535; 0 takes any free one.
      MCP_TLS_KEY_FILE: is empty. Give the file's path, or unset the variable to serve plain http.
      MCP_TLS_KEY_FILE: needs MCP_TLS_CERT_FILE too; https takes both."
  `);
});

describe("listening beyond this machine", () => {
  test.each(["0.0.0.0", "::", "192.168.1.5", "proxmox.example", "::ffff:127.0.0.1", "128.0.0.1"])(
    "%s is refused without a token, naming both ways out",
    (host) => {
      expect(refusal({ MCP_HOST: host })).toBe(
        "The server's settings have 1 mistake:\n  MCP_HOST or --host: listening beyond this machine needs a bearer token: " +
          "set MCP_AUTH_TOKEN (or MCP_AUTH_TOKEN_FILE), or callers in clusters.json (`proxmox-mcp token new NAME`). Or set MCP_ALLOW_UNAUTHENTICATED=1 if anyone who can reach the port may use the clusters.",
      );
    },
  );

  test.each(["127.0.0.1", "127.8.9.1", "::1", "[::1]", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST"])(
    "%s needs none",
    (host) => {
      expect(load({ MCP_HOST: host }).warnings).toEqual([]);
    },
  );

  test("works with a token or with leave to go without one, and warns of what stays open", async () => {
    const { cert, key } = await selfSigned();
    const folder = folderWith({ "c.pem": cert, "k.pem": key });
    const tls = { MCP_TLS_CERT_FILE: `${folder}/c.pem`, MCP_TLS_KEY_FILE: `${folder}/k.pem` };
    const open = { MCP_HOST: "0.0.0.0" };
    const warnings = [
      load({ ...open, MCP_AUTH_TOKEN: token }),
      load({ ...open, MCP_ALLOW_UNAUTHENTICATED: "yes", MCP_ALLOWED_HOSTS: "*" }),
      load({ ...open, MCP_AUTH_TOKEN: token, MCP_ALLOWED_HOSTS: "x", ...tls }),
      load({ MCP_HOST: "192.168.1.5", MCP_AUTH_TOKEN: token, ...tls }),
      load({ MCP_AUTH_TOKEN: token, MCP_ALLOW_UNAUTHENTICATED: "1" }),
    ].map((config) => config.warnings);
    expect(warnings).toMatchInlineSnapshot(`
      [
        [
          "The bearer token crosses the network in the clear. Set MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE, or put a proxy with https before it.",
          "Only loopback names may be used to reach the server, so clients elsewhere get 403. List its names in MCP_ALLOWED_HOSTS.",
        ],
        [
          "The server is open: anyone who can reach its port can use the clusters with their tokens.",
        ],
        [],
        [],
        [
          "MCP_ALLOW_UNAUTHENTICATED changes nothing: a token is set, so every client must send it.",
        ],
      ]
    `);
  });
});

describe("the bearer token", () => {
  test("comes from its variable or from a file, without the newline at its end", () => {
    const folder = folderWith({ token: `${token}\n` });
    expect(load({ MCP_AUTH_TOKEN: token }).authToken?.reveal()).toBe(token);
    expect(load({ MCP_AUTH_TOKEN_FILE: `${folder}/token` }).authToken?.reveal()).toBe(token);
    expect(load({}, { "auth-token-file": `${folder}/token` }).authToken?.reveal()).toBe(token);
  });

  test("is refused when it is empty, given twice, unreadable, or no single word", () => {
    const folder = folderWith({ token, empty: "", words: "a b" });
    const all = [
      refusal({ MCP_AUTH_TOKEN: "" }),
      refusal({ MCP_AUTH_TOKEN_FILE: "" }),
      refusal({ MCP_AUTH_TOKEN: token, MCP_AUTH_TOKEN_FILE: `${folder}/token` }),
      refusal({ MCP_AUTH_TOKEN: token }, { "auth-token-file": `${folder}/token` }),
      refusal({ MCP_AUTH_TOKEN_FILE: `${folder}/none` }),
      refusal({ MCP_AUTH_TOKEN_FILE: `${folder}/empty` }),
      refusal({ MCP_AUTH_TOKEN_FILE: `${folder}/words` }),
      refusal({ MCP_AUTH_TOKEN: "ü".repeat(20) }),
    ];
    expect(all.map((text) => text.replaceAll(folder, "FOLDER").split("\n")[1]).join("\n")).toMatchInlineSnapshot(`
      "  MCP_AUTH_TOKEN: is empty. Give the token, or unset the variable to run without one.
        MCP_AUTH_TOKEN_FILE: is empty. Give the token, or unset the variable to run without one.
        MCP_AUTH_TOKEN_FILE: stands beside MCP_AUTH_TOKEN; keep exactly one of them.
        --auth-token-file: stands beside MCP_AUTH_TOKEN; keep exactly one of them.
        MCP_AUTH_TOKEN_FILE: cannot read FOLDER/none: there is no such file.
        MCP_AUTH_TOKEN_FILE: FOLDER/empty is empty.
        MCP_AUTH_TOKEN_FILE: FOLDER/words must hold the secret alone: visible ASCII on one line, no spaces.
        MCP_AUTH_TOKEN: must be visible ASCII without spaces, since it goes into an HTTP header."
    `);
  });

  test("is warned about when it is short, or its file open to others", () => {
    expect(load({ MCP_AUTH_TOKEN: "short" }).warnings).toMatchInlineSnapshot(`
      [
        "MCP_AUTH_TOKEN: the token has fewer than 16 characters and may be guessed. Make one with: openssl rand -hex 32",
      ]
    `);
    expect(load({ MCP_AUTH_TOKEN: "sixteen-letters!" }).warnings).toEqual([]);
    if (process.platform === "win32") return;
    const folder = folderWith({ token }, { token: 0o644 });
    expect(load({ MCP_AUTH_TOKEN_FILE: `${folder}/token` }).warnings.join()).toContain(`chmod 600 ${folder}/token`);
  });
});

describe("https", () => {
  test("takes a certificate and its key", async () => {
    const { cert, key } = await selfSigned();
    const folder = folderWith({ "c.pem": cert, "k.pem": key }, { "k.pem": 0o640 });
    const [certFile, keyFile] = [`${folder}/c.pem`, `${folder}/k.pem`];
    const config = load({ MCP_TLS_CERT_FILE: certFile }, { "tls-key-file": keyFile });
    expect(config).toMatchObject({ tls: { certFile, keyFile }, warnings: [] });
  });

  test("is warned about when it has expired or is not valid yet, its chain too", async () => {
    const authority = await makeAuthority();
    const over = await makeIdentity({ authority, notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) });
    const early = await makeIdentity({ authority, notBefore: daysFromNow(2), notAfter: daysFromNow(9) });
    const good = await makeIdentity({ authority });
    const day = (days: number) => daysFromNow(days).toISOString().slice(0, 10);
    const warnings = (cert: string, key: string) => {
      const folder = folderWith({ "c.pem": cert, "k.pem": key });
      const files = { MCP_TLS_CERT_FILE: `${folder}/c.pem`, MCP_TLS_KEY_FILE: `${folder}/k.pem` };
      return load(files).warnings.map((text) => text.replace(folder, "FOLDER"));
    };
    expect(warnings(good.cert, good.key)).toEqual([]);
    expect(warnings(over.cert, over.key)).toEqual([
      `The certificate in FOLDER/c.pem expired on ${day(-1)}, and clients refuse it. Renew it; the new one is used within seconds.`,
    ]);
    expect(warnings(early.cert, early.key)).toEqual([
      `The certificate in FOLDER/c.pem is only valid from ${day(2)}. Check this machine's clock.`,
    ]);
    expect(warnings(`${good.cert}\n${over.cert}`, good.key)).toEqual([
      expect.stringContaining("Certificate 2 of the chain in FOLDER/c.pem expired"),
    ]);
  });

  test("is refused when one is missing, unreadable, or not the other's", async () => {
    const [one, two] = [await selfSigned(), await selfSigned()];
    const sealed = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    const folder = folderWith({
      "c.pem": one.cert,
      "k.pem": one.key,
      "other.pem": two.key,
      "sealed.pem": sealed,
      "x.pem": "x",
    });
    const pair = (cert: string, key: string) =>
      refusal({ MCP_TLS_CERT_FILE: `${folder}/${cert}`, MCP_TLS_KEY_FILE: `${folder}/${key}` });
    const all = [
      refusal({ MCP_TLS_CERT_FILE: `${folder}/c.pem` }),
      refusal({}, { "tls-key-file": `${folder}/k.pem` }),
      refusal({ MCP_TLS_CERT_FILE: "", MCP_TLS_KEY_FILE: `${folder}/k.pem` }),
      pair("none.pem", "k.pem"),
      pair("c.pem", "other.pem"),
      pair("c.pem", "sealed.pem"),
      pair("c.pem", "x.pem"),
      pair("x.pem", "k.pem"),
    ];
    expect(all.map((text) => text.replaceAll(folder, "FOLDER").split("\n")[1]).join("\n")).toMatchInlineSnapshot(`
      "  MCP_TLS_CERT_FILE: needs MCP_TLS_KEY_FILE too; https takes both.
        --tls-key-file: needs MCP_TLS_CERT_FILE too; https takes both.
        MCP_TLS_CERT_FILE: is empty. Give the file's path, or unset the variable to serve plain http.
        MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE: cannot read FOLDER/none.pem: there is no such file.
        MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE: the key in FOLDER/other.pem does not belong to the certificate in FOLDER/c.pem.
        MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE: the key in FOLDER/sealed.pem is encrypted; name one without a passphrase.
        MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE: FOLDER/x.pem cannot be read as a PEM private key.
        MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE: FOLDER/x.pem cannot be read as a PEM certificate (X.509)."
    `);
  });
});

test("a variable that is nearly one of ours is warned about, others are not", () => {
  expect(load({ MCP_ALLOWED_HOST: "x", MCP_HOME: "/x", OTHER_HOSTS: "x" }).warnings).toEqual([
    "MCP_ALLOWED_HOST is not a setting and is ignored. Did you mean MCP_ALLOWED_HOSTS?",
  ]);
});

test("the log's level and format are read, in any case, and refused with what is valid", () => {
  expect(loadLogConfig({ flags: { "log-format": "json" }, env: { MCP_LOG_LEVEL: "DEBUG" } })).toEqual({
    level: "debug",
    format: "json",
  });
  expect(() => loadLogConfig({ flags: {}, env: { MCP_LOG_LEVEL: "warning" } })).toThrow(
    "MCP_LOG_LEVEL: must be one of silent, error, warn, info, debug.",
  );
  expect(() => loadLogConfig({ flags: { "log-format": "jsno" }, env: {} })).toThrow(
    "--log-format: must be one of text, json.",
  );
});
