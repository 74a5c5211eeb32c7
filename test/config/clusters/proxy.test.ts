import { expect, test } from "bun:test";
import { loadConfig } from "../../../src/config/clusters/load.ts";
import { proxyFor } from "../../../src/config/clusters/proxy.ts";
import { ConfigError } from "../../../src/config/error.ts";
import { folderWith, prodWith, secret } from "../files/folder.ts";

const url = "https://pve1.example:8006";
const proxy = "http://proxy.example:3128";

test("takes the first variable that is set, as curl does", () => {
  const names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
  for (const [index, name] of names.entries()) {
    const others = Object.fromEntries(names.slice(index + 1).map((other) => [other, "http://other.example:1"]));
    const empty = Object.fromEntries(names.slice(0, index).map((other) => [other, ""]));
    expect(proxyFor(url, { ...empty, [name]: proxy, ...others })).toEqual({ url: proxy });
  }
  expect(proxyFor(url, { http_proxy: proxy, HTTP_PROXY: proxy })).toBeUndefined();
});

test("reads a proxy with and without scheme, port and login", () => {
  const read = (text: string) => {
    const { url, authorization } = proxyFor("https://pve1:8006", { HTTPS_PROXY: text }) ?? {};
    return [url, authorization && Buffer.from(authorization.reveal().replace("Basic ", ""), "base64").toString()];
  };
  expect(read("proxy.example:3128")).toEqual([proxy, undefined]);
  expect(read("HTTP://proxy.example:3128/")).toEqual([proxy, undefined]);
  expect(read("http://proxy.example")).toEqual(["http://proxy.example", undefined]);
  expect(read("[fd00::1]:3128")).toEqual(["http://[fd00::1]:3128", undefined]);
  expect(read("http://me:p%40ss%20w%C3%BCrd@proxy.example:3128")).toEqual([proxy, "me:p@ss würd"]);
  expect(read("me@proxy.example:3128")).toEqual([proxy, "me:"]);
});

test("connects directly to this machine, to plain http, and to what NO_PROXY names", () => {
  const direct = (endpoint: string, exceptions: string) =>
    proxyFor(endpoint, { HTTPS_PROXY: proxy, NO_PROXY: exceptions }) === undefined;
  for (const own of ["https://127.0.0.1:8006", "https://localhost:8006", "https://[::1]:8006", "http://127.0.0.1:80"]) {
    expect([own, direct(own, "")]).toEqual([own, true]);
  }
  const cases: [string, boolean][] = [
    ["", false],
    ["*", true],
    ["pve1.example", true],
    ["PVE1.example", true],
    ["example", true],
    [".example", true],
    ["*.example", true],
    ["ample", false],
    ["pve2.example", false],
    ["pve2.example, pve1.example", true],
    ["pve1.example:8006", true],
    ["pve1.example:443", false],
  ];
  for (const [exceptions, expected] of cases) {
    expect([exceptions, direct(url, exceptions)]).toEqual([exceptions, expected]);
  }
  for (const exceptions of ["fd00::5", "[fd00::5]", "[fd00::5]:8006"]) {
    expect([exceptions, direct("https://[fd00::5]:8006", exceptions)]).toEqual([exceptions, true]);
  }
  expect(direct("https://[fd00::6]:8006", "fd00::5")).toBe(false);
  expect(proxyFor(url, { HTTPS_PROXY: proxy, no_proxy: "pve1.example", NO_PROXY: "" })).toBeUndefined();
});

test("NO_PROXY takes ranges of addresses, which no name is in", () => {
  const direct = (endpoint: string, exceptions: string) =>
    proxyFor(endpoint, { HTTPS_PROXY: proxy, NO_PROXY: exceptions }) === undefined;
  const cases: [endpoint: string, exceptions: string, expected: boolean][] = [
    ["https://192.0.2.77:8006", "192.0.2.0/24", true],
    ["https://192.0.3.77:8006", "192.0.2.0/24", false],
    ["https://192.0.3.77:8006", "example.com, 192.0.2.0/23", true],
    ["https://192.0.2.77:8006", "192.0.2.77/32", true],
    ["https://192.0.2.77:8006", "0.0.0.0/0", true],
    ["https://[2001:db8::5]:8006", "2001:db8::/32", true],
    ["https://[2001:db8::5]:8006", "[2001:db8::]/32", true],
    ["https://[2001:db9::5]:8006", "2001:db8::/32", false],
    ["https://[2001:db8::5]:8006", "0.0.0.0/0", false],
    ["https://192.0.2.77:8006", "::/0", false],
    ["https://pve1.example:8006", "0.0.0.0/0", false],
    ["https://192.0.2.77:8006", "192.0.2.0/33", false],
    ["https://192.0.2.77:8006", "192.0.2.0/", false],
    ["https://192.0.2.77:8006", "192.0.2/24", false],
  ];
  for (const [endpoint, exceptions, expected] of cases) {
    expect([endpoint, exceptions, direct(endpoint, exceptions)]).toEqual([endpoint, exceptions, expected]);
  }
});

test("what is no http proxy is refused by the variable's name, without what it holds", () => {
  const wrong = [
    `socks5://${secret}:1080`,
    `socks5h://x:${secret}@proxy.example:1080`,
    `https://${secret}.example:3128`,
    `http://x:${secret}#@proxy.example:3128`,
    `http://x:${secret}/@proxy.example:3128`,
    `http://${secret}:%zz@proxy.example:3128`,
    `http://proxy.example:99999/${secret}`,
    `http://${secret} proxy.example:3128`,
    `http://proxy.example:3128/?${secret}`,
    "http://",
    "://",
  ];
  for (const name of ["https_proxy", "ALL_PROXY"]) {
    for (const value of wrong) {
      const read = () => proxyFor(url, { [name]: value });
      expect(read).toThrow(ConfigError);
      expect(read).toThrow(
        new RegExp(
          `^${name}: is the proxy for https://pve1.example:8006, and must be http://host:port.* NO_PROXY\\.$`,
          "s",
        ),
      );
      expect(read).not.toThrow(secret);
      expect(proxyFor(url, { [name]: value, NO_PROXY: "pve1.example" })).toBeUndefined();
    }
  }
});

test("a cluster carries the proxies of its endpoints, from a file and from the environment", async () => {
  const folder = folderWith({ "clusters.json": prodWith({ url: ["pve1", "pve2", "127.0.0.1"] }) });
  const env = { HTTPS_PROXY: `http://me:${secret}@proxy.example:3128`, NO_PROXY: "pve2" };
  const config = await loadConfig({ env, cwd: folder, systemFile: "/nowhere" });
  const [cluster] = config.clusters;
  expect(Object.keys(cluster?.proxies ?? {})).toEqual(["https://pve1:8006"]);
  expect(cluster?.proxies?.["https://pve1:8006"]?.url).toBe(proxy);
  expect(Object.isFrozen(cluster?.proxies)).toBe(true);
  expect(`${JSON.stringify(config)}${Bun.inspect(config, { depth: 9 })}`).not.toContain(secret);
  expect(`${JSON.stringify(config)}`).not.toContain(Buffer.from(`me:${secret}`).toString("base64"));
  const one = { PROXMOX_URL: "pve1", PROXMOX_USER: "a@pve", PROXMOX_TOKEN_ID: "b", PROXMOX_TOKEN_SECRET: secret };
  const single = await loadConfig({ env: { ...one, ...env }, cwd: "/nowhere", systemFile: "/nowhere" });
  expect(Object.keys(single.clusters[0]?.proxies ?? {})).toEqual(["https://pve1:8006"]);
  const none = await loadConfig({ env: {}, cwd: folder, systemFile: "/nowhere" });
  expect(none.clusters[0]).not.toHaveProperty("proxies");
});

test("a proxy that cannot be used stops the start, unless no cluster needs it", async () => {
  const env = { ALL_PROXY: "socks5://127.0.0.1:1080" };
  const needs = folderWith({ "clusters.json": prodWith() });
  await expect(loadConfig({ env, cwd: needs, systemFile: "/nowhere" })).rejects.toThrow(/^ALL_PROXY: /);
  const local = folderWith({ "clusters.json": prodWith({ url: "127.0.0.1" }) });
  expect((await loadConfig({ env, cwd: local, systemFile: "/nowhere" })).clusters[0]).not.toHaveProperty("proxies");
});
