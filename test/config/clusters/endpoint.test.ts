import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseEndpoint } from "../../../src/config/clusters/endpoint.ts";
import { ConfigError } from "../../../src/config/error.ts";

function refusal(text: string): string {
  try {
    return `accepted as ${parseEndpoint(text)}`;
  } catch (error) {
    return error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`;
  }
}

describe("a cluster's url", () => {
  test.each([
    ["pve1", "https://pve1:8006"],
    ["pve1:443", "https://pve1:443"],
    ["10.0.0.1:8006", "https://10.0.0.1:8006"],
    ["PVE1.Example", "https://pve1.example:8006"],
    ["https://pve1.example", "https://pve1.example:8006"],
    ["HTTPS://pve1.example:443", "https://pve1.example:443"],
    ["https://gw.example/pve", "https://gw.example:8006/pve"],
    ["https://gw.example:443/pve/", "https://gw.example:443/pve"],
    ["https://pve1:8006/api2/json", "https://pve1:8006"],
    ["https://gw:443/a/b/api2/json/", "https://gw:443/a/b"],
    ["[fd00::1]", "https://[fd00::1]:8006"],
    ["[FD00:0:0:0:0:0:0:1]:443", "https://[fd00::1]:443"],
    ["http://127.0.0.1:8006", "http://127.0.0.1:8006"],
    ["http://localhost", "http://localhost:8006"],
    ["http://[::1]:80", "http://[::1]:80"],
  ])("%s is read as %s", (text, endpoint) => {
    expect(parseEndpoint(text)).toBe(endpoint);
  });

  test.each([
    ["http://pve1", "in the clear"],
    ["http://127.0.0.1.example", "in the clear"],
    ["http://128.0.0.1", "in the clear"],
    ["http://[::2]", "in the clear"],
    ["ftp://pve1", "scheme"],
    ["https://root:pw@pve1", '"@"'],
    ["root@pve1", '"@"'],
    ["https://pve1?x=1", "query"],
    ["https://pve1:8006/#v1:0", "fragment"],
    ["https://pve1\\x", "backslash"],
    [" pve1", "white space"],
    ["pve1\n", "white space"],
    ["pve1:0", "port"],
    ["pve1:65536", "port"],
    ["pve1:", "port"],
    ["pve1:x", "port"],
    ["https://pve1:8006:8006", "port"],
    ["https://", "host"],
    ["1.2.3", "host"],
    ["256.1.1.1", "host"],
    ["0x7f000001", "host"],
    ["pve_1.-x", "host"],
    ["pvé1", "host"],
    ["[fe80::1%eth0]", "host"],
    ["[pve1]", "host"],
    ["pve1/../x", "prefix"],
    ["pve1//", "prefix"],
    ["pve1/a%2fb", "prefix"],
    ["", "is empty"],
  ])("%j is refused for its %s", (text, reason) => {
    expect(refusal(text)).toContain(reason);
  });

  test("an IPv6 address without brackets is shown with them, and with a port if its end may be one", () => {
    expect(refusal("fd00::1")).toBe("an IPv6 address stands in brackets: [fd00::1].");
    expect(refusal("https://fd00::1:8006/pve")).toBe(
      "an IPv6 address stands in brackets: [fd00::1:8006], or [fd00::1]:8006 if that is a port.",
    );
  });

  test("whatever the text is, reading it gives an endpoint that reads as itself, or a ConfigError without the text", () => {
    const pieces = fc.array(
      fc.constantFrom(
        "https://",
        "http://",
        "pve1",
        ".",
        ":",
        "443",
        "[fd00::1]",
        "/",
        "api2/json",
        "@",
        "?",
        "#",
        "\\",
        " ",
        "%41",
        "..",
        "é",
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.webUrl(),
          pieces.map((parts) => parts.join("")),
        ),
        (text) => {
          const result = refusal(text);
          const [, endpoint] = /^accepted as (.*)$/s.exec(result) ?? [];
          if (endpoint === undefined) {
            expect(result).not.toStartWith("not a ConfigError");
            return;
          }
          expect(parseEndpoint(endpoint)).toBe(endpoint);
          expect(endpoint).not.toEndWith("/");
          const url = new URL(endpoint);
          expect(`${url.protocol}//${url.hostname}`).toBe(endpoint.replace(/:\d+(\/.*)?$/, ""));
          expect(url.pathname).toBe(/:\d+(\/.*)?$/.exec(endpoint)?.[1] ?? "/");
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("host, port and prefix come back as written", () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/);
    const host = fc.oneof(
      fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(".")),
      fc.ipV4(),
    );
    const prefix = fc.array(label, { maxLength: 2 }).map((parts) => parts.map((part) => `/${part}`).join(""));
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65535 }), prefix, (name, port, path) => {
        expect(parseEndpoint(`https://${name}:${port}${path}`)).toBe(`https://${name}:${port}${path}`);
        expect(parseEndpoint(`${name}${path}/`)).toBe(`https://${name}:8006${path}`);
      }),
    );
  });
});
