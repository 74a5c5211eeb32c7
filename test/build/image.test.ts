import { expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { root } from "../../scripts/build/compile.ts";
import { readDockerfile } from "../../scripts/image/dockerfile.ts";

// That the image works is shown by `bun run prove:image`, which needs root on Debian.

const dockerfile = await read("Dockerfile.distroless");

async function read(path: string): Promise<string> {
  return await Bun.file(join(root, path)).text();
}

test("the image is distroless, of an ordinary user, and runs its program without a shell", () => {
  expect(readDockerfile(dockerfile)).toEqual({
    base: "gcr.io/distroless/base-nossl-debian13:nonroot",
    env: {
      MCP_HOST: "0.0.0.0",
      BUN_BE_BUN: "",
      BUN_OPTIONS: "",
      BUN_INSPECT: "",
      BUN_CONFIG_VERBOSE_FETCH: "",
    },
    uid: 65532,
    gid: 65532,
    entrypoint: ["/usr/local/bin/proxmox-mcp"],
    command: ["serve"],
    healthCheck: ["/usr/local/bin/proxmox-mcp", "health"],
    program: "/usr/local/bin/proxmox-mcp",
  });
});

test("what the proof of the image would not understand in the Dockerfile is refused", () => {
  expect(() => readDockerfile(`${dockerfile}RUN true\n`)).toThrow("RUN true");
  expect(() => readDockerfile(dockerfile.replace("USER 65532:65532", "USER nonroot"))).toThrow("USER");
});

test("what the Dockerfile copies in is not kept out by .dockerignore", async () => {
  const letIn = (await read(".dockerignore"))
    .split("\n")
    .flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = ""]) => names.split(" "));
  expect(copied.length).toBeGreaterThan(0);
  expect(copied.sort()).toEqual(letIn.sort());
});

test("the composed container has a read-only root, no rights, and its secrets as files", async () => {
  const { services, secrets } = Bun.YAML.parse(await read("deploy/compose.yaml")) as {
    services: { "proxmox-mcp": Record<string, unknown> & { environment: Record<string, string>; secrets: string[] } };
    secrets: Record<string, { file?: string }>;
  };
  const service = services["proxmox-mcp"];
  expect(service).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
  expect(service).not.toHaveProperty("user");
  expect(service.environment["MCP_AUTH_TOKEN_FILE"]).toBe("/run/secrets/mcp_auth_token");
  expect(service.secrets).toEqual(Object.keys(secrets));
  // Compose cannot put any other kind into a container with a read-only root (docker/compose#12031).
  for (const { file } of Object.values(secrets)) expect(file).toContain("/opt/proxmox-mcp}/secrets/");
});

test("the unit keeps files private, bounds memory, dumps no core, and unsets what the image empties", async () => {
  const unit = await read("deploy/proxmox-mcp.service");
  const settings = Object.fromEntries([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  expect(settings).toMatchObject({ UMask: "0077", MemoryMax: "1G", LimitCORE: "0" });
  const emptied = Object.entries(readDockerfile(dockerfile).env).flatMap(([name, value]) =>
    value === "" ? [name] : [],
  );
  // Empty, that one would be an error of Bun's; the program refuses to start with it.
  expect(settings["UnsetEnvironment"]?.split(" ").toSorted()).toEqual([...emptied, "BUN_INSPECT_PRELOAD"].toSorted());
});

test("image, workflows and README's command take the Bun that package.json asks for", async () => {
  const workflows = await Array.fromAsync(
    new Bun.Glob(".{github,gitea}/workflows/*.yml").scan({ cwd: root, dot: true }),
  );
  expect(workflows).toHaveLength(4);
  const wanted = manifest.engines.bun.replace(">=", "");
  for (const path of [...workflows, "Dockerfile.distroless", ".ci/run", "README.md"]) {
    const named = [...(await read(path)).matchAll(/\bbun(?:-linux-x64)?@([\w.]+)/g)].map(([, version]) => version);
    expect({ path, named: named.filter((version) => version !== wanted) }).toEqual({ path, named: [] });
  }
});

test("workflows take actions by commit", async () => {
  for await (const path of new Bun.Glob(".{github,gitea}/workflows/*.yml").scan({ cwd: root, dot: true })) {
    const text = await read(path);
    expect(Bun.YAML.parse(text)).toHaveProperty("jobs");
    const uses = [...text.matchAll(/uses: (.*)/g)].map(([, action = ""]) => action);
    expect(uses.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d/.test(action))).toEqual([]);
  }
});
