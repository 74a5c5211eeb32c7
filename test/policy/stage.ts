import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askServers } from "../../src/control/ask.ts";
import { controlPaths, serverConsents } from "../../src/control/protocol.ts";
import type { OpenQuestion } from "../../src/policy/consent/open-question.ts";
import { createDemo, type DemoCluster, type SimulatedCluster } from "../../src/simulator/index.ts";
import {
  type Human,
  httpClient,
  type McpClient,
  modernClient,
  modernStdioClient,
  sseClient,
  stdioClient,
  type Target,
} from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, startProduct } from "../support/product.ts";

/** A product over a demo cluster on a real socket, whose guests can be made, changed and looked at behind its back. */
export interface Stage extends AsyncDisposable {
  readonly product: Product;
  readonly config: ConfigFile;
  /** Everything that the product sent to Proxmox. */
  readonly demo: DemoServer;
  /** The simulated cluster itself, to be changed past its API. */
  readonly world: SimulatedCluster;
  /** The environment of every process of the product on this stage: they share a runtime folder of their own. */
  readonly env: Record<string, string>;
  /** The open questions of all these processes, as `proxmox-mcp consents --json` prints them. */
  consents(): Promise<readonly OpenQuestion[]>;
  /** The keys of `clusters.json` that reach the demo, for a configuration of one's own. */
  readonly cluster: Record<string, unknown>;
  /** A request of the administrator's own, past the product. */
  admin(method: string, path: string, params?: Record<string, string>): Promise<unknown>;
  /** Makes a VM with a disk of 1 GiB and gives its VMID. */
  makeGuest(name: string, more?: Record<string, string>): Promise<string>;
  exists(vmid: string): Promise<boolean>;
}

/** What a stage is set with. */
export interface StageOptions {
  /** Keys of the cluster's policy. */
  readonly policy?: Record<string, unknown>;
  /** Other keys of the top level. */
  readonly top?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  /** Requests that Proxmox carries out, and whose answer gets lost. */
  readonly loses?: (request: Request) => boolean;
}

/** Sets a stage: `alpha` behind the product, in a process of its own. */
export async function setStage({ policy = {}, top = {}, env = {}, loses }: StageOptions = {}): Promise<Stage> {
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 1 }).clusters as readonly [DemoCluster];
  const demo = await serveDemo({
    ...alpha,
    fetch: async (request, node) => {
      const response = await alpha.fetch(request, node);
      if (loses?.(request) === true) throw new Error("the answer is lost");
      return response;
    },
  });
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const cluster = { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret, ...policy };
  const config = await configFile({ clusters: { alpha: cluster }, ...top });
  // Short, since the path of a socket has at most 107 bytes.
  const runtime = mkdtempSync(join(tmpdir(), "mcp-"));
  const ownEnv = { MCP_RUNTIME_DIR: runtime, ...env };
  const product = await startProduct(["--config", config.path], ownEnv);
  const admin = async (method: string, path: string, params: Record<string, string> = {}) => {
    const form = new URLSearchParams(params);
    const isRead = method === "GET" || method === "DELETE";
    const response = await alpha.fetch(
      new Request(`https://demo/api2/json${path}${isRead && form.size > 0 ? `?${form}` : ""}`, {
        method,
        headers: { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` },
        ...(!isRead && { body: form }),
      }),
    );
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${response.statusText}`);
    return ((await response.json()) as { data: unknown }).data;
  };
  let next = 500;
  return {
    product,
    config,
    demo,
    cluster,
    world: alpha.world,
    env: ownEnv,
    async consents() {
      const { answers } = await askServers([runtime], controlPaths.consents, serverConsents);
      return answers.flatMap(({ questions }) => questions);
    },
    admin,
    async makeGuest(name, more = {}) {
      const vmid = String(next++);
      await admin("POST", "/nodes/pve1/qemu", { vmid, name, scsi0: "vmdata:1,format=qcow2", ...more });
      await Bun.sleep(20);
      return vmid;
    },
    async exists(vmid) {
      // A task that destroys it would have ended by now.
      await Bun.sleep(20);
      const guests = (await admin("GET", "/cluster/resources", { type: "vm" })) as readonly { vmid: number }[];
      return guests.some((guest) => String(guest.vmid) === vmid);
    },
    async [Symbol.asyncDispose]() {
      await product.stop();
      await Promise.all([demo.stop(), config[Symbol.asyncDispose]()]);
      rmSync(runtime, { recursive: true, force: true });
    },
  };
}

type Connect = (stage: Stage, human?: Human, headers?: Record<string, string>) => Promise<McpClient>;

/** Every transport and era, with a client whose human is this one, or with none. */
export const transports: Readonly<Record<string, Connect>> = {
  "2026-07-28 over HTTP": (stage, human, headers) => modernClient(target(stage, human, headers)),
  "2025 over Streamable HTTP": (stage, human, headers) => httpClient(target(stage, human, headers)),
  "2025 over SSE": (stage, human, headers) => sseClient(target(stage, human, headers)),
  "2025 over stdio": (stage, human) => stdioClient(["--config", stage.config.path], stage.env, human),
  "2026-07-28 over stdio": (stage, human) => modernStdioClient(["--config", stage.config.path], stage.env, human),
};

function target({ product }: Stage, human: Human | undefined, headers: Record<string, string> = {}): Target {
  return { url: product.url, headers, ...(human !== undefined && { human }) };
}

/** A result of 2026-07-28 as it comes over the wire. */
export interface RawResult {
  readonly resultType?: string;
  readonly requestState?: string;
  readonly inputRequests?: { readonly consent?: { readonly params: { readonly message: string } } };
  readonly content?: readonly { readonly text: string }[];
  readonly isError?: boolean;
}

/** One request of 2026-07-28, written by hand: what a client of the SDK would never send can be sent, too. */
export async function rawCall(
  url: string,
  name: string,
  args: Record<string, unknown>,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<RawResult> {
  const version = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": { name: "by-hand", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  const response = await fetch(new URL("/mcp", url), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": version,
      "mcp-method": "tools/call",
      "mcp-name": name,
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name, arguments: args, _meta: meta, ...more },
    }),
  });
  const text = await response.text();
  const json = text.startsWith("event:") || text.startsWith(":") ? (/^data: (.*)$/m.exec(text)?.[1] ?? "") : text;
  const { result, error } = JSON.parse(json) as { result?: RawResult; error?: { message: string } };
  return result ?? { isError: true, content: [{ text: error?.message ?? text }] };
}

/** The answer of a human who types this, as a client sends it. */
export function accepted(confirm: string) {
  return { consent: { action: "accept", content: { confirm } } };
}
