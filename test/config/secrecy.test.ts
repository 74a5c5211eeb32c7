// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the configuration's own ${VARIABLES}
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseClusters } from "../../src/config/clusters/clusters.ts";
import { loadConfig } from "../../src/config/clusters/load.ts";
import { clusterKeys } from "../../src/config/clusters/schema.ts";
import { ConfigError } from "../../src/config/error.ts";
import { loadLogConfig } from "../../src/config/server/log.ts";
import { loadServerConfig } from "../../src/config/server/server.ts";
import { settings } from "../../src/config/server/settings.ts";
import { secret } from "./files/folder.ts";

/** Everything that an operator would see: the error, however it is printed, or the warnings. */
function shown(run: () => object): string {
  try {
    const result = run();
    return "warnings" in result ? String(result.warnings) : "";
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return `${error}${Bun.inspect(error)}${JSON.stringify(error)}${error instanceof Error ? error.stack : ""}`;
  }
}

const read = (text: string) =>
  shown(() => parseClusters(text, { source: "clusters.json", folder: "/nowhere", env: { LEAK: secret } }));

/** Ways to get a secret wrong: alone, wrapped, in the wrong type, inside what some key wants. */
const forms = [
  secret,
  [secret],
  [7, secret],
  { [secret]: secret },
  [[secret]],
  `${secret} `,
  `\n${secret}`,
  "${LEAK}",
  "${LEAK} and ${",
  `mcp@pve!agent=${secret}`,
  `PVEAPIToken=mcp@pve!agent=${secret}`,
  `https://root:${secret}@pve1`,
  `pve1:${secret}`,
  `https://pve1/${secret}/?`,
  `${secret}://pve1`,
  `mcp@pve!${secret}`,
  `${secret}!agent`,
  `GET ${secret}`,
  `${secret} /nodes`,
  `GET /${secret}*`,
  `vmid:${secret}`,
  `${secret}:x`,
  `./${secret}`,
  `\${${secret}}`,
];

test("no message repeats a secret, whatever key it was put under and in whatever form", () => {
  const prod = { url: "pve1", user: "mcp@pve", token_id: "agent", token_secret: secret };
  for (const key of [...clusterKeys, "tokenSecret", "name", secret]) {
    for (const form of forms) {
      const text = read(JSON.stringify({ clusters: { prod: { ...prod, unknown: 1, [key]: form } } }));
      expect(`${key}: ${text}`.replace(`${secret}: `, "")).not.toContain(secret);
    }
  }
  for (const form of forms) {
    for (const value of [
      form,
      { clusters: form },
      { clusters: [form] },
      { clusters: { prod: form } },
      { callers: form },
      { other: form },
    ]) {
      expect(read(JSON.stringify(value))).not.toContain(secret);
    }
    expect(read(JSON.stringify({ clusters: [{ ...prod, url: 7, name: form }] }))).not.toContain(secret);
  }
});

test("no syntax error repeats a secret, wherever the text is broken", () => {
  const text = JSON.stringify({ clusters: { prod: { url: "pve1", token_secret: secret } } }, undefined, 2);
  const damage = fc.tuple(
    fc.nat(text.length),
    fc.nat(3),
    fc.constantFrom("", '"', "'", "{", "}", ",", "\\", "\n", "//", "x"),
  );
  fc.assert(
    fc.property(damage, ([at, length, insert]) => {
      expect(read(text.slice(0, at) + insert + text.slice(at + length))).not.toContain(secret);
    }),
    { numRuns: 1000 },
  );
  expect(read(`{"clusters": {"prod": {"token_secret": ${secret}}}}`)).not.toContain(secret);
});

test("no message repeats a secret that was put into the wrong variable or flag", async () => {
  const cluster = {
    PROXMOX_URL: "pve1",
    PROXMOX_USER: "mcp@pve",
    PROXMOX_TOKEN_ID: "agent",
    PROXMOX_TOKEN_SECRET: secret,
  };
  for (const { variable, flag } of settings) {
    for (const value of [secret, ` ${secret}`, `x,${secret}`, `https://${secret}@x`]) {
      const given = { flags: {}, env: { MCP_HOST: "0.0.0.0", [variable]: value } };
      const flags = { flags: flag === undefined ? {} : { [flag]: value }, env: {} };
      for (const source of [given, flags]) {
        const text = shown(() => loadServerConfig(source)) + shown(() => loadLogConfig(source));
        expect(`${variable}: ${text}`).not.toContain(secret);
      }
      const env = { ...cluster, [variable]: value };
      const text = await loadConfig({ env, cwd: "/nowhere", systemFile: "/nowhere/x" }).then(
        (config) => config.warnings.join(),
        (error) => Bun.inspect(error),
      );
      expect(text).not.toContain(secret);
    }
  }
});
