import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../../src/config/clusters/load.ts";
import { loadServerConfig } from "../../../src/config/server/server.ts";
import { selfSigned } from "../certificates.ts";
import { folderWith, prodWith, secret } from "./folder.ts";

const uid = process.getuid?.() ?? 0;
const isRoot = process.platform !== "win32" && uid === 0;
const stranger = 12_345;
const sealKey = "0123456789abcdef0123456789abcdef";

let certificate = { cert: "", key: "" };

beforeAll(async () => {
  certificate = await selfSigned();
  if (!isRoot) process.stderr.write("*** Files of another user were not tried: they need root. ***\n");
});

/** A configuration that names a file of every kind. */
function everyKind(): string {
  const { cert, key } = certificate;
  const content = JSON.parse(
    prodWith({ token_secret: undefined, token_secret_file: "token.txt", ca_file: "ca.pem" }),
  ) as object;
  return folderWith({
    "clusters.json": JSON.stringify({ ...content, seal_key_file: "seal.key" }),
    "token.txt": secret,
    "ca.pem": cert,
    "seal.key": sealKey,
    "mcp-token": "0123456789abcdef",
    "cert.pem": cert,
    "key.pem": key,
  });
}

/** Loads all of it as `serve` does; the message of the refusal, with the folder's name taken out. */
async function refusal(folder: string, by: "found" | "named" = "named"): Promise<string> {
  try {
    const place = by === "named" ? { config: `${folder}/clusters.json`, cwd: "/" } : { cwd: folder };
    await loadConfig({ env: {}, systemFile: "/nowhere", ...place });
    loadServerConfig({
      flags: {},
      env: {
        MCP_AUTH_TOKEN_FILE: `${folder}/mcp-token`,
        MCP_TLS_CERT_FILE: `${folder}/cert.pem`,
        MCP_TLS_KEY_FILE: `${folder}/key.pem`,
      },
    });
    return "used";
  } catch (error) {
    return String(error).replaceAll(folder, "FOLDER");
  }
}

const kinds = ["clusters.json", "token.txt", "ca.pem", "seal.key", "mcp-token", "cert.pem", "key.pem"];

describe.skipIf(process.platform === "win32")("a file that others can write", () => {
  test.each(kinds)("%s is refused, with the command that mends it", async (name) => {
    const folder = everyKind();
    expect(await refusal(folder)).toBe("used");
    chmodSync(`${folder}/${name}`, 0o602);
    expect(await refusal(folder)).toContain(
      `FOLDER/${name} is not used: it is writable by every user (mode 602). Run: chmod o-w FOLDER/${name}`,
    );
    chmodSync(`${folder}/${name}`, 0o600);
    expect(await refusal(folder)).toBe("used");
  });

  test("is refused for its folder's sake, too, unless the folder is sticky", async () => {
    const folder = everyKind();
    chmodSync(folder, 0o777);
    const text = "its folder FOLDER is writable by every user (mode 777). Run: chmod o-w FOLDER";
    expect(await refusal(folder)).toContain(`FOLDER/clusters.json is not used: ${text}`);
    expect(await refusal(folder, "found")).toContain(`FOLDER/clusters.json is not used: ${text}`);
    chmodSync(folder, 0o1777);
    expect(await refusal(folder)).toBe("used");
  });

  test("is refused for a folder further up, and for one that only a link leads through", async () => {
    const top = folderWith({ "open/closed/x": "" });
    const folder = everyKind();
    renameSync(folder, `${top}/open/closed/real`);
    const inner = `${top}/open/closed/real`;
    expect(await refusal(inner)).toBe("used");
    chmodSync(`${top}/open`, 0o757);
    expect(await refusal(inner)).toContain(`its folder ${top}/open is writable by every user (mode 757)`);
    const link = folderWith({ "open/x": "" });
    chmodSync(`${top}/open`, 0o755);
    symlinkSync(inner, `${link}/open/link`);
    symlinkSync("open/link", `${link}/direct`);
    expect(await refusal(`${link}/direct`)).toBe("used");
    chmodSync(`${link}/open`, 0o777);
    expect(await refusal(`${link}/direct`)).toContain(`its folder ${link}/open is writable by every user`);
  });

  test("links in a circle are an error, not a loop", async () => {
    const folder = folderWith({});
    symlinkSync("clusters.json", `${folder}/clusters.json`);
    expect(await refusal(folder)).toContain("its symbolic links go round in a circle");
  });

  test.skipIf(!isRoot)("through its group is refused, unless that is root's or the user's own", async () => {
    const folder = everyKind();
    const path = `${folder}/clusters.json`;
    chmodSync(path, 0o660);
    expect(await refusal(folder)).not.toContain("is not used");
    chownSync(path, 0, stranger);
    chmodSync(path, 0o660);
    expect(await refusal(folder)).toContain(
      `it is writable by group ${stranger} (mode 660). Run: chmod g-w FOLDER/clusters.json`,
    );
  });

  test.skipIf(!isRoot)(
    "a folder of root that a system group may write to, such as /var/log, is no fault further up",
    async () => {
      const top = folderWith({ "log/own/x": "" });
      renameSync(everyKind(), `${top}/log/own/it`);
      for (const [gid, answer] of [
        [4, "used"],
        [stranger, `its folder ${top}/log is writable by group ${stranger}`],
      ] as const) {
        chownSync(`${top}/log`, 0, gid);
        chmodSync(`${top}/log`, 0o775);
        expect(await refusal(`${top}/log/own/it`)).toContain(answer);
      }
    },
  );
});

describe.skipIf(!isRoot)("a file that belongs to another user", () => {
  test.each(kinds)("%s is refused, with the command that mends it", async (name) => {
    const folder = everyKind();
    chownSync(`${folder}/${name}`, stranger, 0);
    expect(await refusal(folder)).toContain(
      `FOLDER/${name} is not used: it belongs to another user (uid ${stranger}). Run as root: chown 0 FOLDER/${name}`,
    );
  });

  test("is refused for the sake of a folder or a link of another user, too", async () => {
    const folder = everyKind();
    chownSync(folder, stranger, 0);
    expect(await refusal(folder, "found")).toContain(`its folder FOLDER belongs to another user (uid ${stranger})`);
    chownSync(folder, 0, 0);
    renameSync(`${folder}/token.txt`, `${folder}/real`);
    symlinkSync("real", `${folder}/token.txt`);
    expect(await refusal(folder)).toBe("used");
    lchownSync(`${folder}/token.txt`, stranger, 0);
    expect(await refusal(folder)).toContain(
      `the link FOLDER/token.txt belongs to another user (uid ${stranger}). Run as root: chown -h 0 FOLDER/token.txt`,
    );
  });

  test("a hostile folder sends nothing of the environment anywhere, and is not passed over for another file", async () => {
    const folder = folderWith({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a variable of the configuration
      "clusters.json": prodWith({ token_secret: "${AWS_SECRET_ACCESS_KEY}" }),
      "system/clusters.json": prodWith(),
    });
    chownSync(folder, stranger, stranger);
    const load = () =>
      loadConfig({ env: { AWS_SECRET_ACCESS_KEY: secret }, cwd: folder, systemFile: `${folder}/system/clusters.json` });
    await expect(load()).rejects.toThrow("belongs to another user");
  });
});

describe.skipIf(!isRoot || Bun.which("unshare") === null)("what is mounted read-only", () => {
  const child = fileURLToPath(new URL("load-child.ts", import.meta.url));

  /** Loads a configuration in a new mount namespace; the source, or the refusal. */
  async function load(mounts: string, ...args: string[]): Promise<string> {
    const script = `${mounts}\nexec "$@"`;
    const command = ["unshare", "--mount", "sh", "-ec", script, "sh", process.execPath, child, ...args];
    const run = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text()]);
    return stdout + stderr;
  }

  const bind = (folder: string, point: string, options: string) =>
    `mkdir -p ${point}; mount --bind ${folder} ${point}; mount -o remount,bind,${options} ${point}`;

  test("is used whatever its owner, as in a container, if it was named and not merely found", async () => {
    const folder = everyKind();
    for (const name of ["", ...kinds]) chownSync(`${folder}/${name}`, stranger, stranger);
    const point = `${folderWith({})}/etc`;
    mkdirSync(point);
    expect(await load(bind(folder, point, "ro"), `${point}/clusters.json`)).toBe(`${point}/clusters.json`);
    expect(await load(bind(folder, point, "rw"), `${point}/clusters.json`)).toContain("belongs to another user");
    expect(await load(bind(folder, point, "ro"), "", point)).toContain("belongs to another user");
  });

  test("a file system that is read-only as a whole, as for a hardened service, proves nothing", async () => {
    const folder = everyKind();
    chownSync(`${folder}/clusters.json`, stranger, stranger);
    const whole = "mount -o remount,bind,ro /";
    expect(await load(whole, `${folder}/clusters.json`)).toContain("belongs to another user");
  });
});
