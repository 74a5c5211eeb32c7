// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the configuration's own ${VARIABLES}
import { describe, expect, test } from "bun:test";
import { parseClusters } from "../../../src/config/clusters/clusters.ts";
import { ConfigError } from "../../../src/config/error.ts";
import { selfSigned } from "../certificates.ts";
import { folderWith, prodWith, secret } from "../files/folder.ts";

const origin = { source: "clusters.json", folder: "/nowhere", env: {} };

function refusal(text: string, folder = origin.folder): string {
  try {
    return `accepted: ${JSON.stringify(parseClusters(text, { ...origin, folder }))}`;
  } catch (error) {
    return error instanceof ConfigError ? error.message.replaceAll(folder, "FOLDER") : `not a ConfigError: ${error}`;
  }
}

function prod(keys: Readonly<Record<string, unknown>>, env = {}, folder = origin.folder) {
  const [cluster] = parseClusters(prodWith(keys), { ...origin, env, folder }).clusters;
  if (cluster === undefined) throw new Error("no cluster");
  return cluster;
}

describe("the form of the file", () => {
  const keys = { url: "10.0.0.1:8006", user: "root@pam", token_id: "mcp", token_secret: secret, verify_ssl: false };
  const other = { ...keys, url: "10.0.0.2:8006" };

  test.each([
    ["clusters by name", { $schema: "x", clusters: { a: keys, b: other } }],
    [
      "a list of clusters",
      {
        clusters: [
          { name: "a", ...keys },
          { name: "b", ...other },
        ],
      },
    ],
    ["clusters by name without the key around them", { a: keys, b: other }],
    [
      "a list without the key around it",
      [
        { name: "a", ...keys },
        { name: "b", ...other },
      ],
    ],
    ["clusters by name that repeat their name inside", { clusters: { a: { name: "a", ...keys }, b: other } }],
  ])("%s is read, in its order, with the original's keys", (_form, value) => {
    const { clusters } = parseClusters(`\u{feff}${JSON.stringify(value)}`, origin);
    expect(clusters.map(({ name, endpoints }) => [name, ...endpoints])).toEqual([
      ["a", "https://10.0.0.1:8006"],
      ["b", "https://10.0.0.2:8006"],
    ]);
    expect(clusters[0]).toMatchObject({ user: "root@pam", tokenId: "mcp", tls: { mode: "off" }, timeoutMs: 30_000 });
    expect(clusters[0]?.tokenSecret.reveal()).toBe(secret);
  });

  test("what is no list of clusters is told apart, and says how to write one", () => {
    const texts = [
      "{}",
      "[]",
      '{"clusters": {}}',
      '{"clusters": []}',
      "7",
      '{"clusters": 7}',
      '{"url": "pve1", "user": "mcp@pve"}',
      '{"clusters": {"url": "pve1", "user": "mcp@pve"}}',
      '{"cluster": {"prod": {"url": "pve1"}}}',
      '{"clusters": {"prod": "pve1"}}',
      "",
    ];
    expect(texts.map((text) => refusal(text)).join("\n")).toMatchInlineSnapshot(`
      "clusters.json has 1 mistake:
        line 1: has no "clusters"; write {"clusters": {"NAME": {...}}}.
      clusters.json has 1 mistake:
        line 1: holds no cluster; at least one is needed.
      clusters.json has 1 mistake:
        line 1, clusters: holds no cluster; at least one is needed.
      clusters.json has 1 mistake:
        line 1, clusters: holds no cluster; at least one is needed.
      clusters.json has 1 mistake:
        line 1: must be an object such as {"clusters": {"prod": {...}}}; found a number.
      clusters.json has 1 mistake:
        line 1, clusters: must be an object, clusters by name; found a number.
      clusters.json has 1 mistake:
        line 1: holds the keys of a cluster without a name; write {"clusters": {"NAME": {...}}}.
      clusters.json has 1 mistake:
        line 1, clusters: holds the keys of a cluster without a name; write {"clusters": {"NAME": {...}}}.
      clusters.json has 2 mistakes:
        line 1: has no "clusters"; write {"clusters": {"NAME": {...}}}.
        line 1, cluster: unknown key. Did you mean "clusters"? Valid: $schema, clusters, callers, audit_log, seal_key_file.
      clusters.json has 1 mistake:
        line 1, clusters.prod: must be an object with the keys of a cluster (url, user, token_id, token_secret, token_secret_file, verify_ssl, ca_file, fingerprint, access, consent_fallback, allow, deny, protect, timeout_ms); found a text.
      clusters.json is empty."
    `);
  });

  test("names that are none, missing or taken are refused, duplicate keys too", () => {
    const list = [
      { name: "a", ...keys },
      { name: "a", ...other },
      { ...keys },
      { name: "*", ...keys },
      { name: 7, ...keys },
    ];
    expect(refusal(JSON.stringify({ clusters: list }, undefined, 1))).toMatchInlineSnapshot(`
      "clusters.json has 4 mistakes:
        line 12, clusters[1].name: is the name of entry [0] too; names are unique.
        line 19, clusters[2].name: is missing: the cluster's name, letters, digits, . _ -, at most 63, the first a letter or digit.
        line 27, clusters[3].name: must be a name: letters, digits, . _ -, at most 63, the first a letter or digit.
        line 35, clusters[4].name: must be a name: letters, digits, . _ -, at most 63, the first a letter or digit."
    `);
    const one = JSON.stringify(keys);
    expect(
      refusal(`{"clusters": {\n"a": ${one},\n"a": ${one},\n"*": ${one},\n"b c": ${one},\n"__proto__": ${one}}}`),
    ).toMatchInlineSnapshot(`
      "clusters.json has 4 mistakes:
        line 2, clusters.a: stands twice, on line 2 and on line 3; keep one.
        line 4, clusters."*": is not a valid name for a cluster: letters, digits, . _ -, at most 63, the first a letter or digit.
        line 5, clusters."b c": is not a valid name for a cluster: letters, digits, . _ -, at most 63, the first a letter or digit.
        line 6, clusters.__proto__: is not a valid name for a cluster: letters, digits, . _ -, at most 63, the first a letter or digit."
    `);
  });
});

describe("the keys of a cluster", () => {
  test("every mistake of a file is told at once, with line, path, what stands there and what is valid", () => {
    const text = JSON.stringify(
      {
        clusters: {
          prod: {
            url: ["pve1", "https://PVE1:8006/", "fd00::1", "http://pve2"],
            user: "mcp",
            token_id: "a b",
            tokensecret: secret,
            verify_ssl: "no",
            access: "readonly",
            consent_fallback: 7,
            allow: [],
            deny: ["get /nodes", "GET /nodes/pve*"],
            protect: ["vmid:9", "tags:x", 100],
            timeout_ms: 0,
            fingerprint: "ab".repeat(20),
          },
          lab: {
            url: 7,
            user: "mcp@pve!agent",
            token_id: "",
            token_secret: "mcp@pve!agent=x",
            ca_file: null,
            unknown: {},
          },
          dev: {
            url: [],
            user: "mcp @pve",
            token_id: "other@pve!agent",
            token_secret: "two words",
            fingerprint: [],
            allow: "GET /",
          },
          none: {},
        },
        cluster: {},
      },
      undefined,
      1,
    );
    expect(refusal(text)).toMatchInlineSnapshot(`
      "clusters.json has 36 mistakes:
        line 3, clusters.prod.token_secret: is missing: give "token_secret" or "token_secret_file".
        line 6, clusters.prod.url[1]: names the same node twice.
        line 7, clusters.prod.url[2]: an IPv6 address stands in brackets: [fd00::1].
        line 8, clusters.prod.url[3]: begins with http://, which would send the token over the network in the clear. Write https://.
        line 10, clusters.prod.user: must end in its realm, as in "mcp@pve" or "root@pam".
        line 11, clusters.prod.token_id: must be the token's name: letters, digits, . _ -, such as "agent" in mcp@pve!agent.
        line 12, clusters.prod.tokensecret: unknown key. Did you mean "token_secret"? Valid: url, user, token_id, token_secret, token_secret_file, verify_ssl, ca_file, fingerprint, access, consent_fallback, allow, deny, protect, timeout_ms.
        line 13, clusters.prod.verify_ssl: must be true or false; found a text.
        line 14, clusters.prod.access: must be one of read-only, guarded, full; found a text. Did you mean "read-only"?
        line 15, clusters.prod.consent_fallback: must be one of code, two-step, deny; found a number.
        line 16, clusters.prod.allow: is empty, which would refuse everything; remove the key to allow what access allows.
        line 18, clusters.prod.deny[0]: has an unknown method. Did you mean "GET"? Valid: GET, POST, PUT, DELETE, *.
        line 19, clusters.prod.deny[1]: has a "*" inside a segment; "*" stands for one whole segment, "**" for many.
        line 22, clusters.prod.protect[0]: must be "vmid:100" or "vmid:100-199", from 100 to 999999999, the lower one first.
        line 23, clusters.prod.protect[1]: protects nothing that is known. Did you mean "tag"? Valid: "vmid:100", "vmid:100-199", "tag:prod", "pool:infra", "node:pve1", "name:db-*".
        line 24, clusters.prod.protect[2]: must be a text; found a number.
        line 26, clusters.prod.timeout_ms: must be a whole number of milliseconds from 1 to 3600000.
        line 27, clusters.prod.fingerprint: is a SHA-1 fingerprint (40 hex digits); SHA-256 is needed (64). On the node: openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem
        line 27, clusters.prod.fingerprint: would never be checked, since "url" is http://; remove one of the two.
        line 30, clusters.lab.url: must be "host", "host:port", "https://host:port/prefix", IPv6 in brackets ("[fd00::1]:8006"), or a list of those: the nodes of one cluster; found a number.
        line 31, clusters.lab.user: holds a "!": write what stands before it here, and what stands after it in "token_id".
        line 32, clusters.lab.token_id: must be the token's name: letters, digits, . _ -, such as "agent" in mcp@pve!agent.
        line 33, clusters.lab.token_secret: holds the whole token; only what stands after "=" goes here.
        line 34, clusters.lab.ca_file: must be the path of a PEM file with certificates; found null.
        line 35, clusters.lab.unknown: unknown key. Valid: url, user, token_id, token_secret, token_secret_file, verify_ssl, ca_file, fingerprint, access, consent_fallback, allow, deny, protect, timeout_ms.
        line 38, clusters.dev.url: must be "host", "host:port", "https://host:port/prefix", IPv6 in brackets ("[fd00::1]:8006"), or a list of those: the nodes of one cluster; found an empty list.
        line 39, clusters.dev.user: must be visible ASCII without spaces, "=", ":" and "/".
        line 40, clusters.dev.token_id: names another owner before its "!" than "user"; write here only what stands after the "!".
        line 41, clusters.dev.token_secret: must be visible ASCII without spaces.
        line 42, clusters.dev.fingerprint: must be a SHA-256 fingerprint of 64 hex digits, or a list of those; found an empty list.
        line 43, clusters.dev.allow: must be a list of patterns such as "GET /nodes/**"; found a text.
        line 45, clusters.none.url: is missing: it must be "host", "host:port", "https://host:port/prefix", IPv6 in brackets ("[fd00::1]:8006"), or a list of those: the nodes of one cluster.
        line 45, clusters.none.user: is missing: it must be the token's owner with realm, such as "mcp@pve".
        line 45, clusters.none.token_id: is missing: it must be the API token's name, such as "agent" in mcp@pve!agent.
        line 45, clusters.none.token_secret: is missing: give "token_secret" or "token_secret_file".
        line 47, cluster: unknown key. Did you mean "clusters"? Valid: $schema, clusters, callers, audit_log, seal_key_file."
    `);
  });

  test("settings that contradict each other are refused with the reason", () => {
    const pin = "ab".repeat(32);
    const all = {
      url: "http://127.0.0.1",
      verify_ssl: "false",
      ca_file: "ca.pem",
      fingerprint: pin,
      token_secret_file: "x",
    };
    expect(refusal(prodWith(all))).toMatchInlineSnapshot(`
      "clusters.json has 8 mistakes:
        line 9, clusters.prod.ca_file: would never be checked, since "verify_ssl" is false; remove one of the two.
        line 9, clusters.prod.ca_file: would never be checked, since "url" is http://; remove one of the two.
        line 9, clusters.prod.ca_file: cannot read FOLDER/ca.pem: there is no such file.
        line 10, clusters.prod.fingerprint: would never be checked, since "verify_ssl" is false; remove one of the two.
        line 10, clusters.prod.fingerprint: would never be checked, since "url" is http://; remove one of the two.
        line 10, clusters.prod.fingerprint: stands beside "ca_file": a certificate is judged by one of them, never by both; keep one.
        line 11, clusters.prod.token_secret_file: stands beside "token_secret"; keep exactly one of them.
        line 11, clusters.prod.token_secret_file: cannot read the file that it names: there is no such file."
    `);
    expect(refusal(prodWith({ token_secret: undefined }))).toMatchInlineSnapshot(`
      "clusters.json has 1 mistake:
        line 3, clusters.prod.token_secret: is missing: give "token_secret" or "token_secret_file"."
    `);
    expect(refusal(prodWith({ verify_ssl: true, fingerprint: pin }))).toStartWith("accepted");
    expect(refusal(prodWith({ verify_ssl: false, url: "http://127.0.0.1" }))).toStartWith("accepted");
  });

  test("the token's id may repeat its owner, if it is the owner", () => {
    expect(prod({ token_id: "mcp@pve!agent" }).tokenId).toBe("agent");
    expect(refusal(prodWith({ token_id: "root@pam!agent" }))).toContain(
      'names another owner before its "!" than "user"',
    );
  });

  test("the policy's keys arrive as they stand, and with their defaults where they do not", () => {
    const policy = { access: "full", consent_fallback: "deny", allow: ["GET /**"], deny: [], protect: ["tag:prod"] };
    expect(prod(policy).policy).toEqual({
      access: "full",
      consentFallback: "deny",
      allow: ["GET /**"],
      deny: [],
      protect: ["tag:prod"],
    });
    expect(Object.values(prod({}).policy)).toEqual(["guarded", "code", undefined, [], []]);
    expect(prod({ timeout_ms: 500 }).timeoutMs).toBe(500);
  });

  test("fingerprints are normalized and lead to the pinned mode", () => {
    const pin = Array(32).fill("AB").join(":");
    expect(prod({ fingerprint: ["ab".repeat(32), pin] }).tls).toEqual({ mode: "fingerprint", fingerprints: [pin] });
    expect(prod({}).tls).toEqual({ mode: "verify" });
    expect(prod({ verify_ssl: "true" }).tls).toEqual({ mode: "verify" });
  });

  test("turning verification off is warned about, with the cluster and the two better ways", () => {
    expect(parseClusters(prodWith({ verify_ssl: false }), origin).warnings).toMatchInlineSnapshot(`
      [
        "Cluster prod accepts any certificate (verify_ssl is false), so an attacker between this server and it can take its token. Better: "ca_file" with a copy of its /etc/pve/pve-root-ca.pem, or "fingerprint" with the SHA-256 fingerprint of its certificate.",
      ]
    `);
    expect(parseClusters(prodWith({ verify_ssl: false, url: "http://localhost" }), origin).warnings).toEqual([]);
  });

  test("variables are taken from the environment in every text, and a missing one is one mistake", () => {
    const env = { HOST: "pve9", S: "from-env", A: "read-only" };
    const cluster = prod({ url: ["${HOST}:443", "pve2"], token_secret: "${S}", access: "${A}" }, env);
    expect(cluster.endpoints).toEqual(["https://pve9:443", "https://pve2:8006"]);
    expect(cluster.tokenSecret.reveal()).toBe("from-env");
    expect(cluster.policy.access).toBe("read-only");
    expect(refusal(prodWith({ url: ["${HOST}"], token_secret: "${S}", user: "${" }))).toMatchInlineSnapshot(`
      "clusters.json has 3 mistakes:
        line 5, clusters.prod.url[0]: takes \${HOST} from the environment, where it is not set.
        line 7, clusters.prod.user: holds a "\${" that begins no \${NAME}; write "$\${" for a literal "\${".
        line 9, clusters.prod.token_secret: takes \${S} from the environment, where it is not set."
    `);
  });
});

describe("the files that a cluster names", () => {
  test("the secret's file is read beside the configuration, without the newline at its end", () => {
    const folder = folderWith({ "keys/a": `${secret}\n`, "keys/b": `${secret}\r\n`, "keys/c": secret });
    for (const name of ["keys/a", "./keys/b", `${folder}/keys/c`]) {
      expect(prod({ token_secret: undefined, token_secret_file: name }, {}, folder).tokenSecret.reveal()).toBe(secret);
    }
    const viaEnv = { token_secret: undefined, token_secret_file: "${CREDENTIALS_DIRECTORY}/a" };
    expect(prod(viaEnv, { CREDENTIALS_DIRECTORY: `${folder}/keys` }, "/").tokenSecret.reveal()).toBe(secret);
  });

  test("a secret's file that cannot serve is refused with the reason", () => {
    const folder = folderWith({
      "empty.txt": "\n",
      "two.txt": "a\nb",
      "bad.txt": new Uint8Array([0xff, 0xfe]),
      "dir/x": "",
    });
    const names = ["none.txt", "./dir", "empty.txt", "two.txt", "bad.txt", "empty.txt/x.txt", secret];
    const texts = names.map((name) => refusal(prodWith({ token_secret: undefined, token_secret_file: name }), folder));
    expect(texts.map((text) => text.split("\n")[1]).join("\n")).toMatchInlineSnapshot(`
      "  line 7, clusters.prod.token_secret_file: cannot read FOLDER/none.txt: there is no such file.
        line 7, clusters.prod.token_secret_file: cannot read FOLDER/dir: it is a directory.
        line 7, clusters.prod.token_secret_file: FOLDER/empty.txt is empty.
        line 7, clusters.prod.token_secret_file: FOLDER/two.txt must hold the secret alone: visible ASCII on one line, no spaces.
        line 7, clusters.prod.token_secret_file: cannot read FOLDER/bad.txt: it is not text in UTF-8.
        line 7, clusters.prod.token_secret_file: cannot read FOLDER/empty.txt/x.txt: a part of its path is not a directory.
        line 7, clusters.prod.token_secret_file: cannot read the file that it names: there is no such file."
    `);
  });

  test.skipIf(process.platform === "win32")(
    "a secret's file that others can read is warned about, systemd's own is not",
    () => {
      const folder = folderWith({ "it's": secret, tight: secret }, { "it's": 0o640 });
      const read = (name: string, env = {}) =>
        parseClusters(prodWith({ token_secret: undefined, token_secret_file: `./${name}` }), { ...origin, folder, env })
          .warnings;
      expect(read("it's")).toEqual([
        `${folder}/it's holds a secret, and other users can read it. Run: chmod 600 '${folder}/it'\\''s'`,
      ]);
      expect(read("tight")).toEqual([]);
      expect(read("it's", { CREDENTIALS_DIRECTORY: folder })).toEqual([]);
      expect(read("it's", { CREDENTIALS_DIRECTORY: `${folder}/other` })).toHaveLength(1);
    },
  );

  test("a ca_file gives its certificates alone, several too", async () => {
    const [one, two] = [await selfSigned("CN=one"), await selfSigned("CN=two")];
    const folder = folderWith({ "ca.pem": `subject: one\n${one.cert}some text\n${two.cert}` });
    expect(prod({ ca_file: "ca.pem" }, {}, folder).tls).toEqual({
      mode: "ca",
      ca: one.cert + two.cert,
      file: `${folder}/ca.pem`,
    });
  });

  test("a ca_file that cannot serve is refused with the reason", async () => {
    const { cert, key } = await selfSigned();
    const folder = folderWith({
      "none.pem": "hello",
      "key.pem": cert + key,
      "broken.pem": `${cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      "der.crt": new Uint8Array([0x30, 0x82, 0xff]),
    });
    const names = ["none.pem", "key.pem", "broken.pem", "der.crt", "missing.pem", ".", ""];
    const texts = names.map((name) => refusal(prodWith({ ca_file: name }), folder));
    expect(texts.map((text) => text.split("\n")[1]).join("\n")).toMatchInlineSnapshot(`
      "  line 8, clusters.prod.ca_file: FOLDER/none.pem holds no PEM certificate ("-----BEGIN CERTIFICATE-----"). Proxmox's own is /etc/pve/pve-root-ca.pem.
        line 8, clusters.prod.ca_file: FOLDER/key.pem holds a private key; name a file that holds only certificates.
        line 8, clusters.prod.ca_file: certificate 2 of FOLDER/broken.pem cannot be read as a PEM certificate (X.509).
        line 8, clusters.prod.ca_file: cannot read FOLDER/der.crt: it is not text in UTF-8.
        line 8, clusters.prod.ca_file: cannot read FOLDER/missing.pem: there is no such file.
        line 8, clusters.prod.ca_file: cannot read the file that it names: it is a directory.
        line 8, clusters.prod.ca_file: must be the path of a PEM file with certificates; found an empty text."
    `);
  });
});
