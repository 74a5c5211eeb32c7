import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { folderWith } from "../config/files/folder.ts";
import { canary, clusterAt } from "../proxmox/clusters.ts";
import { makeAuthority, makeIdentity } from "../support/pki.ts";
import { runProduct } from "../support/product.ts";
import { type Behaviour, closedPort, type RawServer, reply, replyData, startRawServer } from "../support/raw-server.ts";

const modified = "Tue, 04 Nov 2025 10:00:00 GMT";
const page = "/pve-docs/api-viewer/apidoc.js";

/** A schema of some paths, as a host serves it. */
function scriptOf(...paths: string[]): string {
  const nodes = paths.map((path) => ({ path, info: { GET: { description: `Reads ${path}.`, method: "GET" } } }));
  return `const apiSchema = ${JSON.stringify(nodes, null, 3)}\n;\nlet viewer = [{}];\n`;
}

/** A host of a version; `serve` answers for the page when it is asked for whole. */
function host(version: string, serve: Behaviour): Behaviour {
  return (socket, request) => {
    if (request.target === "/api2/json/version") return replyData({ version })(socket, request);
    if (request.target !== page) return reply(501, "no such path", "")(socket, request);
    if (request.headers["if-modified-since"] === modified) return reply(304, "Not Modified", "")(socket, request);
    serve(socket, request);
  };
}

const script = (...paths: string[]) => reply(200, "OK", scriptOf(...paths), { "last-modified": modified });

function asked(server: RawServer): string[] {
  return server.requests.map(({ target, headers }) =>
    headers["if-modified-since"] === undefined ? target : `${target} since`,
  );
}

function clientOf(...servers: { readonly url: string }[]): ProxmoxClient {
  return new ProxmoxClient(clusterAt(servers.map(({ url }) => url)));
}

/** Asks until something holds: what is old is looked up anew behind the answer's back. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 100; round++) {
    if (await holds()) return;
    await Bun.sleep(10);
  }
  throw new Error(`did not come true: ${holds}`);
}

test("nothing is asked before it is needed, and all who need it at once share one look", async () => {
  await using server = await startRawServer(host("9.1.3", script("/version")));
  const library = new SchemaCache();
  const client = clientOf(server);
  expect(server.requests).toHaveLength(0);
  const known = await Promise.all(Array.from({ length: 20 }, () => library.schema(client)));
  expect(new Set(known.map(({ schema }) => schema)).size).toBe(1);
  expect(known[0]?.schema?.version).toBe("9.1.3");
  await library.schema(client);
  expect(asked(server)).toEqual(["/api2/json/version", page]);
});

test("the token does not go with the page", async () => {
  await using server = await startRawServer(host("9.1.3", script("/version")));
  await new SchemaCache().schema(clientOf(server));
  const [version, apidoc] = server.requests;
  expect(version?.headers["authorization"]).toContain(canary);
  expect(apidoc?.target).toBe(page);
  expect(JSON.stringify(apidoc)).not.toContain(canary);
});

test("the page is read over TLS as the cluster judges it, and not from a stranger", async () => {
  const authority = await makeAuthority();
  const identity = await makeIdentity({ authority });
  await using server = await startRawServer(host("9.1.3", script("/version")), { tls: identity });
  const read = async (tls: Parameters<typeof clusterAt>[1]) =>
    await new SchemaCache().schema(new ProxmoxClient(clusterAt([server.url], tls)));
  expect((await read({ mode: "ca", ca: authority.pem, file: "ca.pem" })).schema).toBeDefined();
  expect((await read({ mode: "fingerprint", fingerprints: [identity.fingerprint] })).schema).toBeDefined();
  const before = server.requests.length;
  const stranger = await read({ mode: "fingerprint", fingerprints: [identity.fingerprint.replaceAll(/\d/g, "0")] });
  expect(stranger.missing).toContain("cannot be read");
  expect(server.requests).toHaveLength(before);
});

test("two clusters that serve the same share one schema, each reads its own, and another version has another", async () => {
  await using first = await startRawServer(host("9.1.3", script("/version")));
  await using second = await startRawServer(host("9.1.3", script("/version")));
  await using old = await startRawServer(host("8.4.2", script("/version", "/old")));
  const library = new SchemaCache();
  const [a, b, c] = await Promise.all(
    [first, second, old].map(async (server) => await library.schema(clientOf(server))),
  );
  expect(a?.schema).toBeDefined();
  expect(b?.schema).toBe(a?.schema);
  expect([...asked(first), ...asked(second)].filter((target) => target === page)).toHaveLength(2);
  expect(c?.schema?.templates).toEqual(["/version", "/old"]);
});

test("an old schema is asked for with If-Modified-Since, behind the answer's back", async () => {
  await using server = await startRawServer(host("9.1.3", script("/version")));
  const library = new SchemaCache({ freshMs: 0 });
  const client = clientOf(server);
  const { schema } = await library.schema(client);
  await eventually(async () => {
    expect((await library.schema(client)).schema).toBe(schema);
    return asked(server).includes(`${page} since`);
  });
  expect(asked(server).filter((target) => target === page)).toHaveLength(1);
});

test("a cluster that was upgraded gets its new schema", async () => {
  let version = "8.4.2";
  await using server = await startRawServer((socket, request) =>
    host(version, script(version === "8.4.2" ? "/old" : "/new"))(
      socket,
      // Packages of different versions have different times.
      { ...request, headers: {} },
    ),
  );
  const library = new SchemaCache({ freshMs: 0 });
  const client = clientOf(server);
  expect((await library.schema(client)).schema?.templates).toEqual(["/old"]);
  version = "9.1.3";
  await eventually(async () => (await library.schema(client)).schema?.templates[0] === "/new");
});

const instead: [string, Behaviour][] = [
  ["404", reply(404, "Not Found", "<h1>nothing here</h1>")],
  [
    "a login form",
    reply(200, "OK", "<!DOCTYPE html><title>Sign in</title><form></form>", { "content-type": "text/html" }),
  ],
  ["a proxy's refusal", reply(502, "Bad Gateway", "<html></html>")],
  ["a redirect", reply(302, "Found", "", { location: "https://sso.example/login" })],
  ["half of the schema", reply(200, "OK", scriptOf("/version", "/nodes").slice(0, 120))],
  ["an answer that breaks off", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\nconst")],
];

test.each(instead)("%s in its place is a reason, not an error, and asked for again later", async (_, behaviour) => {
  let serve = behaviour;
  await using server = await startRawServer(host("9.1.3", (socket, request) => serve(socket, request)));
  const library = new SchemaCache({ retryMs: 60 });
  const client = clientOf(server);
  const { schema, missing } = await library.schema(client);
  expect(schema).toBeUndefined();
  expect(missing).toContain("The API's description of prod cannot be read");
  expect(missing).toContain(page);
  await library.schema(client);
  expect(asked(server).filter((target) => target === page)).toHaveLength(1);
  serve = script("/version");
  await eventually(async () => (await library.schema(client)).schema !== undefined);
});

test("a second endpoint serves what the first does not", async () => {
  await using first = await startRawServer(host("9.1.3", reply(404, "Not Found", "")));
  await using second = await startRawServer(host("9.1.3", script("/version")));
  expect((await new SchemaCache().schema(clientOf(first, second))).schema?.templates).toEqual(["/version"]);
  const dead = { url: `http://127.0.0.1:${await closedPort()}` };
  expect((await new SchemaCache().schema(clientOf(dead, second))).schema).toBeDefined();
});

test("a dead cluster is a reason, and does not take away what was known", async () => {
  const dead = { url: `http://127.0.0.1:${await closedPort()}` };
  expect((await new SchemaCache().schema(clientOf(dead))).missing).toContain("refused the connection");
  let alive = true;
  await using server = await startRawServer((socket, request) =>
    alive ? host("9.1.3", script("/version"))(socket, request) : socket.destroy(),
  );
  const library = new SchemaCache({ freshMs: 0, retryMs: 0 });
  const client = clientOf(server);
  const { schema } = await library.schema(client);
  expect(schema).toBeDefined();
  alive = false;
  for (let round = 0; round < 5; round++) {
    expect((await library.schema(client)).schema).toBe(schema);
    await Bun.sleep(10);
  }
});

test("one asker's abort ends only its own wait", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using server = await startRawServer(
    host("9.1.3", (socket, request) => void released.then(() => script("/version")(socket, request))),
  );
  const library = new SchemaCache();
  const client = clientOf(server);
  const impatient = library.schema(client, AbortSignal.timeout(20));
  const patient = library.schema(client);
  expect(impatient).rejects.toThrow();
  await impatient.catch(() => undefined);
  release();
  expect((await patient).schema).toBeDefined();
});

describe("a cache folder", () => {
  test("spares a new process the schema: it only asks whether it is still the same", async () => {
    const folder = folderWith({});
    await using server = await startRawServer(host("9.1.3", script("/version", "/nodes")));
    await new SchemaCache({ folder }).schema(clientOf(server));
    const { schema } = await new SchemaCache({ folder }).schema(clientOf(server));
    expect(schema?.templates).toEqual(["/version", "/nodes"]);
    expect(asked(server)).toEqual(["/api2/json/version", page, "/api2/json/version", `${page} since`]);
  });

  /** A file as this server writes it, in a folder of its own. */
  async function cached(server: RawServer): Promise<{ folder: string; path: string }> {
    const folder = folderWith({});
    await new SchemaCache({ folder }).schema(clientOf(server));
    const [name = ""] = readdirSync(folder);
    return { folder, path: join(folder, name) };
  }

  /** What a new process asks a host for, with this folder. */
  async function asksAnew(server: RawServer, folder: string): Promise<readonly string[]> {
    const before = server.requests.length;
    expect((await new SchemaCache({ folder }).schema(clientOf(server))).schema?.templates).toEqual(["/version"]);
    return asked(server).slice(before + 1);
  }

  const other = scriptOf("/other");
  const [whole, conditional] = [[page], [`${page} since`]];

  const spoiled: [string, (path: string) => void, readonly string[]][] = [
    ["as it was", () => undefined, conditional],
    ["empty", (path) => writeFileSync(path, ""), whole],
    ["text", (path) => writeFileSync(path, "nothing"), whole],
    ["cut", (path) => writeFileSync(path, readFileSync(path, "utf8").slice(0, -20)), whole],
    ["with another content than its hash", (path) => appendFileSync(path, `\n${other}`), whole],
    ["one that others can write", (path) => chmodSync(path, 0o622), whole],
    [
      "a symbolic link to such a file",
      (path) => {
        renameSync(path, `${path}.elsewhere`);
        symlinkSync(`${path}.elsewhere`, path);
      },
      whole,
    ],
    [
      "a FIFO",
      (path) => {
        rmSync(path);
        Bun.spawnSync(["mkfifo", path]);
      },
      whole,
    ],
    [
      "a folder",
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
      whole,
    ],
  ];

  test.each(spoiled)("whose file is %s is used only where it can be trusted", async (_, spoil, expected) => {
    await using server = await startRawServer(host("9.1.3", script("/version")));
    const { folder, path } = await cached(server);
    spoil(path);
    expect(await asksAnew(server, folder)).toEqual([...expected]);
  });

  test.if(process.getuid?.() === 0)("whose file belongs to another user is not used", async () => {
    await using server = await startRawServer(host("9.1.3", script("/version")));
    const { folder, path } = await cached(server);
    chownSync(path, 12345, 12345);
    expect(await asksAnew(server, folder)).toEqual([page]);
  });

  test("is written through no link, and what the link points to stays as it is", async () => {
    await using server = await startRawServer(host("9.1.3", script("/version")));
    const { folder, path } = await cached(server);
    const target = join(folderWith({ precious: "stays" }), "precious");
    rmSync(path);
    symlinkSync(target, path);
    await new SchemaCache({ folder }).schema(clientOf(server));
    expect(readFileSync(target, "utf8")).toBe("stays");
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("that is gone is as good as none", async () => {
    await using server = await startRawServer(host("9.1.3", script("/version")));
    expect((await new SchemaCache({ folder: "/nonexistent/folder" }).schema(clientOf(server))).schema).toBeDefined();
  });

  test("holds nothing outside of it, whatever a host says its version is", async () => {
    const folder = folderWith({ "inside/x": "" });
    await using server = await startRawServer(host("9/../../escaped", script("/version")));
    expect((await new SchemaCache({ folder: join(folder, "inside") }).schema(clientOf(server))).schema).toBeDefined();
    expect(readdirSync(folder)).toEqual(["inside"]);
    expect(readdirSync(join(folder, "inside")).toSorted()).toEqual([
      expect.stringMatching(/^apidoc-[0-9a-f]{32}\.js$/),
      "x",
    ]);
  });

  test("is a command's, too", async () => {
    const folder = folderWith({});
    const call = ["call", "get", "/nodes", "--cluster", "alpha", "--demo", "--json"];
    expect((await runProduct(call, { MCP_CACHE_DIR: folder })).code).toBe(0);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^apidoc-[0-9a-f]{32}\.js$/)]);
  });

  test("that cannot be written to is refused at start", async () => {
    const path = join(folderWith({ file: "" }), "file");
    const { code, stderr } = await runProduct(["serve", "--demo", "--port", "0", "--cache-dir", path]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`--cache-dir: ${path} is no folder that this user can write to`);
  });

  const refused: [string, (folder: string) => void, string][] = [
    [
      "a group can write to",
      (folder) => chmodSync(folder, 0o770),
      "can be written to by other users (mode 0770). Run: chmod go-w '",
    ],
    ["everybody can write to", (folder) => chmodSync(folder, 0o1777), "can be written to by other users (mode 1777)"],
    [
      "is a symbolic link",
      (folder) => {
        rmSync(folder, { recursive: true });
        symlinkSync(folderWith({}), folder);
      },
      "is a symbolic link. Name the folder that it points to.",
    ],
  ];

  test.each(refused)("that %s is refused at start", async (_, spoil, problem) => {
    const folder = join(folderWith({ "the cache/x": "" }), "the cache");
    spoil(folder);
    const { code, stderr } = await runProduct(["serve", "--demo", "--port", "0", "--cache-dir", folder]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`--cache-dir: ${folder} ${problem}`);
  });

  test.if(process.getuid?.() === 0)("that belongs to another user is refused at start", async () => {
    const folder = folderWith({});
    chownSync(folder, 12345, 12345);
    const { code, stderr } = await runProduct(["serve", "--demo", "--port", "0", "--cache-dir", folder]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`--cache-dir: ${folder} belongs to another user (uid 12345).`);
  });

  test("that is made at start is private", async () => {
    const folder = join(folderWith({}), "made");
    await runProduct(["call", "get", "/nodes", "--cluster", "alpha", "--demo", "--json"], { MCP_CACHE_DIR: folder });
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
  });
});
