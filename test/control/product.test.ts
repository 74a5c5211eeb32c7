import { expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { httpClient, sseClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { asNobody, canActAsOthers, privateFolder } from "../support/private-folder.ts";
import { cleanEnvironment, productCommand, runProduct, startProduct } from "../support/product.ts";

/** What `status --json` prints of the servers in a folder. */
async function statusOf(runtime: string) {
  const { code, stdout, stderr } = await runProduct(["status", "--json"], { MCP_RUNTIME_DIR: runtime });
  return { code, stderr, servers: code === 0 ? JSON.parse(stdout).servers : [] };
}

/** A `stdio` of the product that waits for its client. */
function startStdio(runtime: string, ...before: string[]) {
  return Bun.spawn([...before, ...productCommand(), "stdio", "--demo"], {
    env: cleanEnvironment({ MCP_RUNTIME_DIR: runtime }),
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
}

test("status shows what runs, from where, and who is connected", async () => {
  await using product = await startProduct(["--demo"]);
  await using _sse = await sseClient(product);
  await using _http = await httpClient(product);
  const { servers } = await statusOf(product.runtime);
  expect(servers).toEqual([
    {
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      pid: product.pid,
      transport: "http",
      url: product.url,
      uptimeMs: expect.any(Number),
      clusters: [
        { name: "alpha", access: "guarded" },
        { name: "beta", access: "guarded" },
      ],
      sessions: { sse: 1, streamable: 1 },
      openQuestions: 0,
      configuration: { source: "the demo" },
    },
  ]);
  expect(servers[0].uptimeMs).toBeGreaterThan(0);
  const { stdout } = await runProduct(["status"], { MCP_RUNTIME_DIR: product.runtime });
  expect(stdout).toStartWith(`${product.url} (pid ${product.pid})\n`);
  expect(stdout).toContain("  clusters   alpha (guarded), beta (guarded) from the demo\n");
  expect(stdout).toContain("  sessions   1 SSE stream, 1 Streamable HTTP session\n");
});

test("status shows the last reload, and why it failed", async () => {
  const cluster = { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret: "s", access: "read-only" };
  await using file = await configFile({ clusters: { first: cluster } });
  await using product = await startProduct(["--config", file.path]);
  await file.write({ clusters: { first: { ...cluster, acces: "full" } } });
  process.kill(product.pid, "SIGHUP");
  await until(() => product.stderr().includes("the old one stays"), 5000);
  const { servers } = await statusOf(product.runtime);
  expect(servers[0]).toMatchObject({
    clusters: [{ name: "first", access: "read-only" }],
    configuration: {
      source: file.path,
      reload: { agoMs: expect.any(Number), error: expect.stringContaining("acces") },
    },
  });
  const { stdout } = await runProduct(["status"], { MCP_RUNTIME_DIR: product.runtime });
  expect(stdout).toMatch(/^ {2}reload {5}(?:.* ago|just now), failed and the old configuration stays: .*acces/m);
});

test("two servers of one user and a stdio server run side by side, and their sockets go with them", async () => {
  await using folder = await privateFolder();
  const env = { MCP_RUNTIME_DIR: folder.path };
  await using first = await startProduct(["--demo"], env);
  await using second = await startProduct(["--demo"], env);
  const stdio = startStdio(folder.path);
  const interrupted = startStdio(folder.path);
  await until(() => readdirSync(folder.path).filter((name) => name.endsWith(".sock")).length === 4, 10_000);
  const { servers } = await statusOf(folder.path);
  const pids = servers.map(({ pid }: { pid: number }) => pid).toSorted();
  expect(pids).toEqual([first.pid, second.pid, stdio.pid, interrupted.pid].toSorted());
  const { transport, url, sessions } = servers.find(({ pid }: { pid: number }) => pid === stdio.pid);
  expect({ transport, url, sessions }).toEqual({ transport: "stdio", url: undefined, sessions: undefined });
  // Clients that connect and say nothing hold up no end.
  for (const name of readdirSync(folder.path)) {
    await Bun.connect({ unix: join(folder.path, name), socket: { data: () => undefined } });
  }

  expect(await first.stop("SIGINT")).toBe(0);
  expect(await second.stop("SIGTERM")).toBe(0);
  await stdio.stdin.end();
  expect(await stdio.exited).toBe(0);
  interrupted.kill("SIGINT");
  expect(await interrupted.exited).toBe(0);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("the socket of a server that was killed is removed by the next server, and by a command", async () => {
  await using folder = await privateFolder();
  const env = { MCP_RUNTIME_DIR: folder.path };
  const sockets = () => readdirSync(folder.path);
  const killed = await startProduct(["--demo"], env);
  await killed.stop("SIGKILL");
  expect(sockets().length).toBe(1);
  await using running = await startProduct(["--demo"], env);
  await until(() => sockets().length === 1);
  expect(sockets()[0]).toStartWith(`serve-${running.pid}-`);

  const another = await startProduct(["--demo"], env);
  await another.stop("SIGKILL");
  expect(sockets().length).toBe(2);
  const { servers } = await statusOf(folder.path);
  expect(servers.map(({ pid }: { pid: number }) => pid)).toEqual([running.pid]);
  expect(sockets().length).toBe(1);
});

test("a port of the server never serves what the socket does, whatever the method, headers or token", async () => {
  await using product = await startProduct(["--demo"], { MCP_AUTH_TOKEN: "0123456789abcdef0123" });
  const headers = { authorization: "Bearer 0123456789abcdef0123" };
  for (const path of [
    "/status",
    "/consents",
    "//consents",
    "/consents/",
    "/mcp/../consents",
    "/CONSENTS",
    "/%63onsents",
  ]) {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(`${product.url}${path}`, { method, headers });
      expect({ path, method, status: response.status }).toEqual({ path, method, status: 404 });
      expect(await response.text()).not.toContain("questions");
    }
  }
});

test("without a server the command fails, names the folder and says what to do", async () => {
  await using folder = await privateFolder();
  const missing = join(folder.path, "none");
  for (const command of ["status", "consents"]) {
    const { code, stdout, stderr } = await runProduct([command, "--runtime-dir", missing]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`  ${missing}: no such folder\n`);
    expect(stderr).toContain("proxmox-mcp serve");
    expect(stderr).toEndWith(`docker exec CONTAINER proxmox-mcp ${command}\n`);
  }
  expect(existsSync(missing)).toBe(false);
});

test("in a folder that is open to others, or is a link, a server runs without a socket and says what to do", async () => {
  await using folder = await privateFolder();
  const loose = join(folder.path, "loose");
  mkdirSync(loose);
  chmodSync(loose, 0o755);
  const link = join(folder.path, "link");
  symlinkSync(folder.path, link);
  for (const [runtime, says] of [
    [loose, `chmod 700 ${loose}`],
    [link, "is a symbolic link"],
  ] as const) {
    await using product = await startProduct(["--demo"], { MCP_RUNTIME_DIR: runtime });
    expect(product.stderr()).toContain("[warn] No control socket");
    expect(product.stderr()).toContain(says);
    expect(product.stderr()).not.toContain("On this machine:");
    expect((await fetch(`${product.url}/healthz`)).status).toBe(200);
    expect(readdirSync(runtime).filter((name) => name.endsWith(".sock"))).toEqual([]);
  }
});

const skip = !canActAsOthers();

test.skipIf(skip)(
  "a folder that another user made first is used neither by the server nor by the command",
  async () => {
    await using folder = await privateFolder();
    chmodSync(folder.path, 0o1777);
    // What Alice does before user 0 starts a server, where TMPDIR is shared as /tmp is.
    const planted = join(folder.path, "proxmox-mcp-0");
    mkdirSync(planted, { mode: 0o700 });
    chownSync(planted, 65534, 65534);
    const env = { MCP_RUNTIME_DIR: "", TMPDIR: folder.path };
    await using product = await startProduct(["--demo"], env);
    expect(product.stderr()).toContain(`[warn] No control socket`);
    expect(product.stderr()).toContain(`${planted} belongs to another user (uid 65534)`);
    // By name, since without one it also finds other servers of the user who runs the tests, in /tmp.
    const { stderr } = await runProduct(["consents", "--runtime-dir", planted]);
    expect(stderr).toContain(`${planted} belongs to another user (uid 65534)`);
    expect(stderr).toContain(`  ${planted}: not trusted\n`);
  },
);

test.skipIf(skip)("a folder inside one of another user, who could replace it, is not used", async () => {
  await using folder = await privateFolder();
  const theirs = join(folder.path, "theirs");
  mkdirSync(theirs);
  chownSync(theirs, 65534, 65534);
  const env = { MCP_RUNTIME_DIR: join(theirs, "mine") };
  await using product = await startProduct(["--demo"], env);
  expect(product.stderr()).toContain(`${theirs} belongs to another user (uid 65534), who can replace`);
  expect((await runProduct(["status"], env)).code).toBe(1);
});

test.skipIf(skip)("another user's command does not see a server", async () => {
  await using product = await startProduct(["--demo"]);
  const child = Bun.spawn([...asNobody, ...productCommand(), "consents"], {
    cwd: "/",
    env: cleanEnvironment({ MCP_RUNTIME_DIR: product.runtime }),
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await child.exited).toBe(1);
  expect(await child.stdout.text()).toBe("");
  expect(await child.stderr.text()).toContain("belongs to another user");
});

/** In some containers root may not make mount namespaces. */
const cannotMount = skip || Bun.spawnSync(["unshare", "--mount", "true"]).exitCode !== 0;

/**
 * Runs a shell script with an empty /run and without the control sockets in /tmp of other servers of this user; `$@` is
 * the product's command line.
 */
async function withOwnRun(script: string) {
  const inTmp = `/tmp/proxmox-mcp-${process.getuid?.()}`;
  const mount = `mount -t tmpfs -o mode=755 none /run && mkdir -p -m 700 ${inTmp} && mount -t tmpfs -o mode=700 none ${inTmp} && `;
  const child = Bun.spawn(["unshare", "--mount", "sh", "-ec", mount + script, "sh", ...productCommand()], {
    cwd: "/",
    env: cleanEnvironment({ MCP_RUNTIME_DIR: "" }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

/** Waits for a socket in `$folder`, for at most 10 s. */
const waitForSocket =
  'i=0; while [ -z "$(ls "$folder" | grep sock$)" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done;';

test.skipIf(cannotMount)("root finds the service in the folder that systemd made for its user", async () => {
  const { code, stdout, stderr } = await withOwnRun(`
    folder=/run/proxmox-mcp; mkdir -m 700 $folder; chown 65534:65534 $folder
    RUNTIME_DIRECTORY=$folder ${asNobody.join(" ")} "$@" serve --demo --port 0 2>/dev/null & server=$!
    ${waitForSocket}
    "$@" status; stat -c '%a %u' $folder/*.sock; kill $server; wait $server; ls $folder`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+ \(pid \d+\)\n/);
  expect(stdout).toEndWith("\n600 65534\n");
});

test.skipIf(cannotMount)(
  "a stdio server that a client started without XDG_RUNTIME_DIR is found from a shell that has it",
  async () => {
    const { code, stdout, stderr } = await withOwnRun(`
    mkdir -p /run/user; mkdir -m 700 /run/user/0; folder=/run/user/0/proxmox-mcp; mkfifo /run/stdin
    "$@" stdio --demo < /run/stdin > /dev/null 2>&1 & server=$!
    exec 3> /run/stdin; mkdir -m 700 $folder; ${waitForSocket}
    XDG_RUNTIME_DIR=/run/user/0 "$@" consents; exec 3>&-; wait $server; ls $folder`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^No open questions \(stdio \(pid \d+\)\)\.\n$/);
  },
);
