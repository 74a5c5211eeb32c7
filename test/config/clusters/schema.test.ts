import { expect, test } from "bun:test";
import Ajv from "ajv";
import example from "../../../clusters.example.json";
import published from "../../../schema/clusters.schema.json";
import { parseClusters } from "../../../src/config/clusters/clusters.ts";
import { clusterKeys, clustersJsonSchema } from "../../../src/config/clusters/schema.ts";
import { selfSigned } from "../certificates.ts";
import { folderWith, secret } from "../files/folder.ts";

const root = new URL("../../../", import.meta.url);
const validate = new Ajv({ strict: true, strictRequired: false }).compile<unknown>(published);

test("the shipped schema is the one that the code gives (else: bun run schema)", () => {
  expect<unknown>(published).toEqual(clustersJsonSchema());
});

test("every key in the schema has a description for editors to show", () => {
  const { properties } = published.properties.clusters.additionalProperties;
  expect(Object.keys(properties)).toEqual([...clusterKeys]);
  for (const key of Object.values(properties)) expect(key.description.length).toBeGreaterThan(20);
});

test("the example names the shipped schema and keeps to it", async () => {
  expect(await Bun.file(new URL(example.$schema, root)).exists()).toBe(true);
  validate(example);
  expect(validate.errors).toBeNull();
});

test("the example loads, once its two files and its variable are there", async () => {
  const { cert } = await selfSigned();
  const folder = folderWith({ "prod.secret": `${secret}\n`, "prod-root-ca.pem": cert });
  const text = await Bun.file(new URL("clusters.example.json", root)).text();
  const env = { LAB_TOKEN_SECRET: secret };
  const { clusters } = parseClusters(text, { source: "clusters.example.json", folder, env });
  expect(clusters.map(({ name, tls, endpoints }) => `${name} ${tls.mode} ${endpoints.length}`)).toEqual([
    "home off 1",
    "prod ca 3",
    "lab fingerprint 1",
  ]);
});

test("the schema refuses what the server refuses by form", () => {
  const prod = { url: "pve1", user: "mcp@pve", token_id: "agent", token_secret: "x" };
  const refused = [
    {},
    { clusters: {} },
    { clusters: { "*": prod } },
    { clusters: { prod }, callers: {} },
    { clusters: { prod: { ...prod, acess: "full" } } },
    { clusters: { prod: { ...prod, access: "all" } } },
    { clusters: { prod: { ...prod, token_secret_file: "x" } } },
    { clusters: { prod: { url: "pve1", user: "mcp@pve", token_id: "agent" } } },
    { clusters: { prod: { ...prod, url: [] } } },
  ];
  expect(validate({ clusters: { prod } })).toBe(true);
  for (const value of refused) {
    expect(validate(value)).toBe(false);
    expect(() => parseClusters(JSON.stringify(value), { source: "x", folder: "/", env: {} })).toThrow();
  }
});
