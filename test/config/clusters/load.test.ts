// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the configuration's own ${VARIABLES}
import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { type ConfigSearch, loadConfig } from "../../../src/config/clusters/load.ts";
import { ConfigError } from "../../../src/config/error.ts";
import { Secret } from "../../../src/config/secret.ts";
import { selfSigned } from "../certificates.ts";
import { folderWith, prodWith, secret } from "../files/folder.ts";

const single = {
  PROXMOX_URL: "pve1:443",
  PROXMOX_USER: "mcp@pve",
  PROXMOX_TOKEN_ID: "agent",
  PROXMOX_TOKEN_SECRET: secret,
};

function load(cwd: string, rest: Partial<ConfigSearch> = {}) {
  return loadConfig({ env: {}, cwd, systemFile: `${cwd}/system/clusters.json`, ...rest });
}

async function refusal(cwd: string, rest: Partial<ConfigSearch> = {}): Promise<string> {
  try {
    return `accepted: ${JSON.stringify(await load(cwd, rest))}`;
  } catch (error) {
    return error instanceof ConfigError ? error.message.replaceAll(cwd, "FOLDER") : `not a ConfigError: ${error}`;
  }
}

describe("where the clusters come from", () => {
  const files = {
    "flag.json": prodWith({ url: "flag" }),
    "variable.json": prodWith({ url: "variable" }),
    "clusters.json": prodWith({ url: "local" }),
    "system/clusters.json": prodWith({ url: "system" }),
  };
  const named = { PROXMOX_MCP_CONFIG: "variable.json" };

  test("the flag, the variable, PROXMOX_URL, the local file, the system's file: the first of them counts", async () => {
    const folder = folderWith(files);
    const host = async (rest: Partial<ConfigSearch>) => (await load(folder, rest)).clusters[0]?.endpoints[0];
    expect(await host({ config: "flag.json", env: { ...named, ...single } })).toBe("https://flag:8006");
    expect(await host({ config: `${folder}/flag.json` })).toBe("https://flag:8006");
    expect(await host({ env: { ...named, ...single } })).toBe("https://variable:8006");
    expect(await host({ env: single })).toBe("https://pve1:443");
    expect(await host({ env: { PROXMOX_URL: "", PROXMOX_MCP_CONFIG: "" } })).toBe("https://local:8006");
    const system = folderWith({ "system/clusters.json": files["system/clusters.json"] });
    expect((await load(system)).source).toBe(`${system}/system/clusters.json`);
  });

  test("what is set aside for another source is told in a warning", async () => {
    const folder = folderWith(files);
    expect((await load(folder, { env: single })).warnings).toEqual([
      `${folder}/clusters.json is not read, since PROXMOX_URL is set. To use the file, unset it or name the file with --config.`,
    ]);
    expect((await load(folder, { env: { ...named, ...single } })).warnings).toEqual([
      "PROXMOX_URL is ignored, since PROXMOX_MCP_CONFIG names a file.",
    ]);
    expect((await load(folder, { config: "flag.json" })).warnings).toEqual([]);
  });

  test("nothing found says where was looked, how to write one, and that the demo needs none", async () => {
    expect(await refusal(folderWith({}), { env: { PROXMOX_USER: "mcp@pve" } })).toMatchInlineSnapshot(`
      "No clusters are configured. Looked at, in this order:
        --config FILE: not given
        PROXMOX_MCP_CONFIG: not set
        PROXMOX_URL: not set, though other PROXMOX_ variables are
        FOLDER/clusters.json: no such file
        FOLDER/system/clusters.json: no such file
        Write one of these files, for example:
          {"clusters": {"home": {"url": "pve1.example:8006", "user": "mcp@pve", "token_id": "agent", "token_secret": "..."}}}
        or set PROXMOX_URL, PROXMOX_USER, PROXMOX_TOKEN_ID and PROXMOX_TOKEN_SECRET for one cluster.
        To look around without a cluster, use --demo: it needs no configuration."
    `);
  });

  test("a misspelt variable is named, with a file and without", async () => {
    const env = { PROXMOX_MCP_CONFG: "other.json" };
    const hint = "PROXMOX_MCP_CONFG is not a setting";
    expect(await refusal(folderWith({}), { env })).toContain(`${hint}. Did you mean PROXMOX_MCP_CONFIG?`);
    expect((await load(folderWith(files), { env })).warnings).toEqual([
      `${hint} and is ignored. Did you mean PROXMOX_MCP_CONFIG?`,
    ]);
  });

  test("a file that is named but cannot be read is an error, whatever else there is", async () => {
    const folder = folderWith({ ...files, "sub/x": "", "utf16.json": new Uint8Array([0xff, 0xfe, 0x7b, 0]) });
    const all = await Promise.all([
      refusal(folder, { config: "none.json", env: single }),
      refusal(folder, { config: "sub" }),
      refusal(folder, { config: "" }),
      refusal(folder, { config: "utf16.json" }),
      refusal(folder, { env: { PROXMOX_MCP_CONFIG: "none.json", ...single } }),
    ]);
    expect(all.join("\n")).toMatchInlineSnapshot(`
      "--config: cannot read FOLDER/none.json: there is no such file.
      --config: cannot read FOLDER/sub: it is a directory.
      --config is empty; give it the path of a clusters.json.
      --config: cannot read FOLDER/utf16.json: it is not text in UTF-8.
      PROXMOX_MCP_CONFIG: cannot read FOLDER/none.json: there is no such file."
    `);
  });

  test.skipIf(process.getuid?.() === 0)(
    "a file that is found but may not be read is an error, not passed over",
    async () => {
      const folder = folderWith(files, { "clusters.json": 0 });
      expect(await refusal(folder)).toBe("Configuration: cannot read FOLDER/clusters.json: this user may not read it.");
    },
  );

  test("a found directory in the place of the file is an error, not passed over", async () => {
    const folder = folderWith({ "clusters.json/x": "", "system/clusters.json": prodWith() });
    expect(await refusal(folder)).toBe("Configuration: cannot read FOLDER/clusters.json: it is a directory.");
  });
});

describe("the loaded configuration", () => {
  test("is frozen to its depths", async () => {
    const config = await load(
      folderWith({ "clusters.json": prodWith({ url: ["pve1", "pve2"], deny: ["DELETE /**"] }) }),
    );
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const part of Object.values(value)) walk(part);
    };
    walk(config);
    expect(config.clusters[0]?.tokenSecret).toBeInstanceOf(Secret);
  });

  test.skipIf(process.platform === "win32")("warns when others can read a file with a secret in it", async () => {
    const folder = folderWith({ "clusters.json": prodWith() });
    const path = `${folder}/clusters.json`;
    for (const [mode, isWarned] of [
      [0o600, false],
      [0o700, false],
      [0o620, false],
      [0o640, true],
      [0o604, true],
    ] as const) {
      chmodSync(path, mode);
      const expected = `${path} holds a secret, and other users can read it. Run: chmod 600 ${path}`;
      expect((await load(folder)).warnings).toEqual(isWarned ? [expected] : []);
    }
    const without = folderWith({ "clusters.json": prodWith({ token_secret: "${S}" }) }, { "clusters.json": 0o644 });
    expect((await load(without, { env: { S: secret } })).warnings).toEqual([]);
  });
});

describe("one cluster from the environment", () => {
  test("has every key that the variables give", async () => {
    const pins = ["AB", "CD"].map((pair) => Array(32).fill(pair).join(":"));
    const env = {
      ...single,
      PROXMOX_URL: "pve1, [fd00::1]:443",
      PROXMOX_VERIFY_SSL: "yes",
      PROXMOX_FINGERPRINT: pins.join(","),
      PROXMOX_ACCESS: "read-only",
      PROXMOX_CA_FILE: "",
    };
    const { source, clusters, warnings } = await load(folderWith({}), { env });
    expect({ source, warnings }).toEqual({ source: "the environment", warnings: [] });
    expect(clusters).toHaveLength(1);
    expect(clusters[0]).toMatchObject({
      name: "proxmox",
      endpoints: ["https://pve1:8006", "https://[fd00::1]:443"],
      user: "mcp@pve",
      tokenId: "agent",
      tls: { mode: "fingerprint", fingerprints: pins },
      policy: { access: "read-only", allow: undefined },
    });
    expect(clusters[0]?.tokenSecret.reveal()).toBe(secret);
  });

  test("takes paths from the working directory and leaves ${} in values alone", async () => {
    const { cert } = await selfSigned();
    const folder = folderWith({ "ca.pem": cert, "token.txt": "${literal}\n" });
    const env = {
      ...single,
      PROXMOX_TOKEN_SECRET: undefined,
      PROXMOX_TOKEN_SECRET_FILE: "token.txt",
      PROXMOX_CA_FILE: "ca.pem",
    };
    const [cluster] = (await load(folder, { env })).clusters;
    expect(cluster?.tls).toMatchObject({ mode: "ca", file: `${folder}/ca.pem` });
    expect(cluster?.tokenSecret.reveal()).toBe("${literal}");
  });

  test.each(["0", "false", "No"])("turns verification off with %s, and warns", async (value) => {
    const config = await load(folderWith({}), { env: { ...single, PROXMOX_VERIFY_SSL: value } });
    expect(config.clusters[0]?.tls).toEqual({ mode: "off" });
    expect(config.warnings.join()).toContain("Cluster proxmox accepts any certificate (PROXMOX_VERIFY_SSL is false)");
    expect(config.warnings.join()).toContain("PROXMOX_CA_FILE");
  });

  test("names mistakes by variable, misspelt ones too", async () => {
    const env = {
      PROXMOX_URL: "pve1,http://pve2",
      PROXMOX_USER: "mcp@pve!agent",
      PROXMOX_TOKEN_SECRET_FILE: "none.txt",
      PROXMOX_TOKEN_SECRET: secret,
      PROXMOX_VERIFY_SSL: "off",
      PROXMOX_ACESS: "read-only",
      PROXMOX_TOKENID: "x",
      PROXMOX_VE_ENDPOINT: "someone else's",
    };
    expect(await refusal(folderWith({}), { env })).toMatchInlineSnapshot(`
      "The cluster in the environment has 8 mistakes:
        PROXMOX_URL, entry 2: begins with http://, which would send the token over the network in the clear. Write https://.
        PROXMOX_USER: holds a "!": write what stands before it here, and what stands after it in PROXMOX_TOKEN_ID.
        PROXMOX_TOKEN_ID: is missing: it must be the API token's name, such as "agent" in mcp@pve!agent.
        PROXMOX_VERIFY_SSL: must be true or false; found a text.
        PROXMOX_TOKEN_SECRET_FILE: stands beside PROXMOX_TOKEN_SECRET; keep exactly one of them.
        PROXMOX_TOKEN_SECRET_FILE: cannot read FOLDER/none.txt: there is no such file.
        PROXMOX_ACESS: unknown variable. Did you mean PROXMOX_ACCESS?
        PROXMOX_TOKENID: unknown variable. Did you mean PROXMOX_TOKEN_ID?"
    `);
  });
});

describe("seal_key_file", () => {
  const withKey = (file: unknown) => JSON.stringify({ ...JSON.parse(prodWith()), seal_key_file: file }, undefined, 2);
  const key = "0123456789abcdef0123456789abcdef";

  test("is read from the file's folder, and kept as a secret", async () => {
    const config = await load(folderWith({ "clusters.json": withKey("seal.key"), "seal.key": `${key}\n` }));
    expect(config.sealKey?.reveal()).toBe(key);
    expect(JSON.stringify(config)).not.toContain(key);
  });

  test("is refused when it is missing, short, or no path", async () => {
    const tried = async (given: unknown, text?: string) =>
      await refusal(folderWith({ "clusters.json": withKey(given), ...(text !== undefined && { "seal.key": text }) }));
    expect(await tried("seal.key")).toMatchInlineSnapshot(`
      "FOLDER/clusters.json has 1 mistake:
        line 10, seal_key_file: cannot read FOLDER/seal.key: there is no such file."
    `);
    expect(await tried("seal.key", "short")).toMatchInlineSnapshot(`
      "FOLDER/clusters.json has 1 mistake:
        line 10, seal_key_file: FOLDER/seal.key is too short: at least 32 characters are needed (\`openssl rand -hex 32\`)."
    `);
    expect(await tried(7)).toMatchInlineSnapshot(`
      "FOLDER/clusters.json has 1 mistake:
        line 10, seal_key_file: must be the path of a file; found a number."
    `);
  });

  test("readable by others it is warned about", async () => {
    const files = { "clusters.json": withKey("seal.key"), "seal.key": key };
    const { warnings } = await load(folderWith(files, { "seal.key": 0o644 }));
    expect(warnings.join()).toContain("chmod 600");
  });
});
