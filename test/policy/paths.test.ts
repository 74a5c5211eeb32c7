import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { classify } from "../../src/policy/endpoint-classes/classify.ts";
import { classes } from "../../src/policy/endpoint-classes/row.ts";
import { covers } from "../../src/policy/pattern.ts";
import type { Method } from "../../src/proxmox/message.ts";
import { encodePath, PathError, parsePath } from "../../src/proxmox/path.ts";

/** Proxmox's own way of reading a path (measured): unescaped once, split, empty segments dropped. */
function asProxmoxReads(target: string): string[] {
  return decodeURIComponent(target)
    .split("/")
    .filter((segment) => segment !== "");
}

/** The class by which a text is judged, or that it is refused. */
function judged(method: Method, text: string): string {
  try {
    const { class: name, rule } = classify({ method, path: parsePath(text) });
    return `${name} by ${rule}`;
  } catch (error) {
    if (error instanceof PathError) return "refused";
    throw error;
  }
}

const destroy = "destructive by DELETE /nodes/{node}/qemu/{vmid}";

describe("tricks with paths are refused, or judged as what they are", () => {
  test.each([
    ["/nodes/pve1/qemu/100", destroy],
    ["nodes/pve1/qemu/100", destroy],
    ["/api2/json/nodes/pve1/qemu/100", destroy],
    ["/nodes/pve1/qemu/%31%30%30", destroy],
    ["/nodes/pve1/%71emu/100", destroy],
    ["/%6eodes/pve1/qemu/100", destroy],
    ["/nodes/pve1/qemu/100/", "refused"],
    ["/nodes//pve1/qemu/100", "refused"],
    ["//nodes/pve1/qemu/100", "refused"],
    ["/nodes/pve1/qemu/100/..", "refused"],
    ["/nodes/pve1/qemu/../qemu/100", "refused"],
    ["/nodes/pve1/qemu/%2e%2e/qemu/100", "refused"],
    ["/nodes/pve1/qemu/100%2Fconfig", "refused"],
    ["/nodes/pve1/qemu%2F100", "refused"],
    ["/nodes/pve1/qemu/100?x=y", "refused"],
    ["/nodes/pve1/qemu/100%3Fx=y", "refused"],
    ["/nodes/pve1/qemu/100#x", "refused"],
    ["/nodes/localhost/qemu/100", "refused"],
    ["/nodes/LOCALHOST/qemu/100", "refused"],
    ["/nodes/%6cocalhost/qemu/100", "refused"],
    ["/api2/extjs/nodes/pve1/qemu/100", "refused"],
    ["https://pve1:8006/api2/json/nodes/pve1/qemu/100", "refused"],
    ["/nodes/pve1/qemu/100%00", "refused"],
    ["/nodes/pve1/qemu/100%0a", "refused"],
    ["/nodes/pve1\\qemu\\100", "refused"],
    ["/nodes/pve1/qemu/%zz", "refused"],
    [`/nodes/${"a".repeat(9000)}/qemu/100`, "refused"],
    // Another path for Proxmox, too: it is of no endpoint, and the worst of its kind.
    ["/NODES/pve1/qemu/100", "destructive by unknown"],
    ["/nodes/pve1/QEMU/100", "destructive by unknown"],
    ["/nоdes/pve1/qemu/100", "destructive by unknown"],
    ["/nodes/pve1/qemu/100;x", destroy],
    ["/nodes/pve1/qemu/１００", destroy],
  ])("%p is %s", (text, wanted) => {
    expect(judged("DELETE", text)).toBe(wanted);
  });
});

const segment = fc.oneof(
  fc.constantFrom("nodes", "pve1", "qemu", "lxc", "100", "config", "status", "stop", "storage", "local", "content"),
  fc.constantFrom(
    "cluster",
    "access",
    "users",
    "guests",
    "firewall",
    "ipset",
    "..",
    ".",
    "localhost",
    "",
    "api2",
    "json",
  ),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);

/** A segment with some of its characters escaped, once or twice. */
const written = fc.tuple(segment, fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 8 })).map(([text, times]) =>
  [...text]
    .map((char, index) => {
      let part = char;
      for (let i = 0; i < (times[index] ?? 0); i++) {
        part = [...Buffer.from(part)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
      }
      return part;
    })
    .join(""),
);

test("whatever is sent has the class of the path that Proxmox sees", () => {
  const texts = fc.array(written, { minLength: 1, maxLength: 8 }).map((segments) => `/${segments.join("/")}`);
  const methods = fc.constantFrom<Method>("GET", "POST", "PUT", "DELETE");
  let sent = 0;
  fc.assert(
    fc.property(methods, texts, (method, text) => {
      let path: readonly string[];
      try {
        path = parsePath(text);
      } catch (error) {
        expect(error).toBeInstanceOf(PathError);
        return;
      }
      sent++;
      const ours = classify({ method, path });
      const seen = asProxmoxReads(encodePath(path));
      // Proxmox splits what we keep as one segment (a volume); its own greedy parameter joins it again.
      const theirs = classify({ method, path: parsePath(`/${seen.map(encodeURIComponent).join("/")}`) });
      expect(theirs.rule).toBe(ours.rule);
      expect(classes.indexOf(theirs.class)).toBe(classes.indexOf(ours.class));
      for (const pattern of ["DELETE /**", "* /nodes/*/qemu/100/**", "GET /access/**"]) {
        expect(covers(pattern, method, seen)).toBe(covers(pattern, method, path));
      }
    }),
    {
      numRuns: 3000,
      examples: [
        ["GET", "/api2/json/api2"],
        ["DELETE", "/api2/json/api2/json/nodes/pve1/qemu/100"],
      ],
    },
  );
  expect(sent).toBeGreaterThan(300);
});
