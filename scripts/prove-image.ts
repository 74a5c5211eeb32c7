import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sseClient } from "../test/support/clients.ts";
import { root as project } from "./build/compile.ts";
import { baseEnvironment, makeBase, Unreachable } from "./image/base.ts";
import { type Container, startContainer } from "./image/container.ts";
import { type Image, readDockerfile } from "./image/dockerfile.ts";
import { run } from "./image/shell.ts";

const intent = `This runs what Dockerfile.distroless describes, without a container engine: the files of its base image, built
from the Debian packages that distroless uses; the program; its command, user and environment; a read-only root with
/proc and the tmpfs of deploy/compose.yaml mounted; a PID namespace; no capabilities.
It does not show: that the Dockerfile builds, the image from its registry itself (its layers, the packages' versions of its
day), an engine's seccomp and AppArmor profiles, its networks, mounts and secrets, Compose, Portainer, another processor.
`;

/** The exit code for a machine on which nothing can be shown, apart from 1 for what was shown to be wrong. */
const cannot = 3;

/** Why this cannot run on this machine; `undefined` when it can. */
async function obstacle(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "it needs root on Linux";
  const missing = ["apt-get", "dpkg-deb", "unshare", "nsenter", "setpriv"].filter((name) => Bun.which(name) === null);
  if (missing.length > 0) return `it needs Debian with ${missing.join(", ")}`;
  const release = await Bun.file("/etc/os-release").text();
  if (!/^ID=debian$/m.test(release)) return "it needs Debian, for its archive and the keys of that";
  return await run(["unshare", "--mount", "--pid", "--fork", "true"]).then(
    () => undefined,
    () => "it may not make namespaces here; in a container it needs `--privileged`",
  );
}

function refuse(why: string): number {
  process.stderr.write(`\n*** THE IMAGE WAS NOT PROVED HERE: ${why}. ***\n\n`);
  return cannot;
}

async function prove(): Promise<number> {
  process.stdout.write(`${intent}\n`);
  const work = await mkdtemp(join(tmpdir(), "proxmox-mcp-image-"));
  try {
    const image = readDockerfile(await Bun.file(join(project, "Dockerfile.distroless")).text());
    const root = join(work, "root");
    await mkdir(root);
    const packages = await makeBase(image.base, root, work);
    process.stdout.write(`${image.base}, made of ${packages.join(", ")}\n`);
    await install(image, root);
    const tmpfs = await composeTmpfs();
    await refusesWithoutToken(image, root, tmpfs);
    await serves(image, root, tmpfs);
    process.stdout.write("Proved.\n");
    return 0;
  } catch (error) {
    if (error instanceof Unreachable) return refuse(error.message);
    process.stderr.write(
      `\n*** THE IMAGE WAS SHOWN TO BE WRONG: ${error instanceof Error ? error.message : error} ***\n\n`,
    );
    return 1;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const token = "the-token-of-the-proof";
const tokenFile = "/run/secrets/mcp_auth_token";

async function install(image: Image, root: string): Promise<void> {
  const binary = process.env["PROXMOX_MCP_BINARY"] ?? join(project, "dist", "proxmox-mcp");
  await mkdir(dirname(join(root, image.program)), { recursive: true });
  await run(["install", "--mode=755", binary, join(root, image.program)]);
  // As Compose mounts it: it belongs to the container's user.
  await Bun.write(join(root, tokenFile), token);
  await run(["chown", `${image.uid}:${image.gid}`, join(root, tokenFile)]);
  await run(["chmod", "400", join(root, tokenFile)]);
}

/** What Compose mounts for the control socket. */
async function composeTmpfs(): Promise<string> {
  const compose = Bun.YAML.parse(await Bun.file(join(project, "deploy", "compose.yaml")).text());
  const { services } = compose as { services: Record<string, { tmpfs: readonly [string] }> };
  const tmpfs = services["proxmox-mcp"]?.tmpfs;
  if (tmpfs?.length !== 1) throw new Error("deploy/compose.yaml does not mount one tmpfs");
  return tmpfs[0];
}

async function refusesWithoutToken(image: Image, root: string, tmpfs: string): Promise<void> {
  await using container = startContainer(image, root, [...image.command, "--demo"], environment(image), tmpfs);
  const said = await container.says(/(MCP_AUTH_TOKEN_FILE)/);
  report("refuses to start without a token, since it listens beyond loopback", said !== "");
}

async function serves(image: Image, root: string, tmpfs: string): Promise<void> {
  const env = { ...environment(image), MCP_AUTH_TOKEN_FILE: tokenFile };
  await using container = startContainer(image, root, [...image.command, "--demo"], env, tmpfs);
  const port = new URL(await container.says(/ at (https?:\/\/\S+)/)).port;
  const url = `http://127.0.0.1:${port}`;
  await hasNoRights(container, image, tmpfs.split(":")[0] ?? "");
  report("answers GET /healthz with 200", (await fetch(`${url}/healthz`)).status === 200);
  report("refuses GET /sse without the token", (await fetch(`${url}/sse`)).status === 401);
  await using client = await sseClient({ url, headers: { Authorization: `Bearer ${token}` } });
  const tools = await client.listTools();
  report(`lists its tools to an SSE client: ${tools.join(", ")}`, tools.includes("list_nodes"));
  const nodes = await client.call("list_nodes", {});
  report(`answers its call of list_nodes:\n${nodes.text.replace(/^/gm, "    ")}`, !nodes.isError);
  const health = await container.exec(image.healthCheck);
  report(
    `is healthy by its own health check: ${health.output.split("\n").at(-1) || "(it says nothing)"}`,
    health.code === 0,
  );
  // What `docker exec CONTAINER proxmox-mcp consents` does.
  const consents = await container.exec([image.program, "consents"]);
  report(`lists its open consent questions: ${consents.output}`, consents.code === 0);
  report("ends with 0 when told to end, as process 1", (await container.stop()) === 0);
}

async function hasNoRights(container: Container, image: Image, tmpfs: string): Promise<void> {
  const { status, mounts } = await container.state();
  const line = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "";
  report(`runs as user ${line("Uid").split("\t")[0]}`, line("Uid") === Array(4).fill(image.uid).join("\t"));
  report(
    `has the group ${line("Gid").split("\t")[0]} alone`,
    line("Groups").trim() === "" && line("Gid").startsWith(`${image.gid}\t`),
  );
  report(
    `has the capabilities ${line("CapEff")} and can gain none`,
    Number(`0x${line("CapEff")}`) === 0 && line("NoNewPrivs") === "1",
  );
  const mounted = mounts
    .trim()
    .split("\n")
    .map((mount) => mount.split(" ").slice(4, 6).join(" "));
  const root = mounted.filter((mount) => mount.startsWith("/ ")).at(-1) ?? "";
  report(`has a read-only root (${root})`, /^\/ ro\b/.test(root));
  const others = mounted.map((mount) => mount.split(" ")[0]).filter((path) => path !== "/");
  report(`has nothing else mounted but ${others.join(", ")}`, others.join() === `/proc,${tmpfs}`);
}

/** A free port, since this machine's own network is used. */
function environment(image: Image): Record<string, string> {
  return { ...baseEnvironment, ...image.env, MCP_PORT: String(freePort()) };
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  probe.stop();
  return probe.port;
}

/** Says what was looked at, and ends the proof when it is not so. */
function report(what: string, held: boolean): void {
  if (!held) throw new Error(`it is not so that it ${what}`);
  process.stdout.write(`ok  ${what}\n`);
}

const reason = await obstacle();
process.exit(reason === undefined ? await prove() : refuse(reason));
