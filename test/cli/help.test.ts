import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { makeIdentity } from "../support/pki.ts";
import { cleanEnvironment, type Product, productCommand, runProduct, startProduct } from "../support/product.ts";

let node: DemoServer;
let product: Product;

beforeAll(async () => {
  const [alpha] = createDemo().clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  node = await serveDemo(alpha, { tls: await makeIdentity() });
  product = await startProduct(["--demo"]);
});

afterAll(async () => {
  await Promise.all([node.stop(), product.stop()]);
});

const commands = ["serve", "stdio", "status", "consents", "check", "call", "token", "trust", "health"];

test("the program's help names every command", async () => {
  const { code, stdout, stderr } = await runProduct(["--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(commands.join("|"));
});

describe.each(commands)("%s --help", (command) => {
  test("shows examples that work as they stand, but for addresses", async () => {
    const { code, stdout, stderr } = await runProduct([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const examples = [...stdout.matchAll(/^ {2}proxmox-mcp (.*)$/gm)].map(([, line = ""]) => line);
    expect(examples).not.toEqual([]);
    for (const example of examples) {
      expect(example).toStartWith(command);
      const words = example
        .replace("https://pve1.example:8006", node.url)
        .replace("http://127.0.0.1:8000", product.url)
        .split(" ");
      expect(await (command === "serve" ? starts(words) : runs(words))).toEqual({ works: true, stderr: "" });
    }
  });
});

async function runs(words: string[]) {
  const { code, stderr } = await runProduct(words, {
    MCP_PORT: new URL(product.url).port,
    MCP_RUNTIME_DIR: product.runtime,
    MCP_LOG_LEVEL: "error",
  });
  return { works: code === 0, stderr: stderr.replace(/^The task was started.*\n/, "") };
}

/** A server goes on until it is ended: it works when it says where it listens. */
async function starts(words: string[]) {
  const child = Bun.spawn([...productCommand(), ...words], {
    env: cleanEnvironment({ MCP_PORT: "0" }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const decoder = new TextDecoder();
  let text = "";
  let told = false;
  for await (const chunk of child.stderr) {
    text += decoder.decode(chunk, { stream: true });
    const tells = / at http:\S+/.test(text);
    // Once: a second signal would end it before it is done.
    if (tells && !told) child.kill();
    told = tells;
  }
  return { works: (await child.exited) === 0, stderr: "" };
}
