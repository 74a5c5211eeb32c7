import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Properties } from "../../../src/apidoc/types.ts";
import { parsePropertyString } from "../../../src/apidoc/validate/property-string.ts";

/** As the network devices of qemu, with a truth value and the alias that names two parts at once. */
const net: Properties = {
  model: { type: "string", enum: ["e1000", "virtio"], default_key: 1 },
  macaddr: { type: "string", format: "mac-addr", optional: 1 },
  virtio: { alias: "macaddr", keyAlias: "model" },
  bridge: { type: "string", optional: 1 },
  firewall: { type: "boolean", optional: 1 },
};

const partsOf = (text: string) => Object.fromEntries(parsePropertyString(net, text).parts ?? []);
const wrongOf = (text: string) => parsePropertyString(net, text).wrong;

test("never throws, whatever the text and the format", () => {
  const property = fc.record(
    {
      type: fc.string(),
      alias: fc.string(),
      keyAlias: fc.string(),
      default_key: fc.constantFrom(0 as const, 1 as const),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("a", "b", "=", ",", " ", "\n", "1", "__proto__", "on") }),
  );
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("a", "b", "ab")), property),
      text,
      (format, value) => {
        const { parts, wrong } = parsePropertyString(format as Properties, value);
        expect([parts, wrong].filter((it) => it !== undefined)).toHaveLength(1);
      },
    ),
    { numRuns: 500 },
  );
});

test("reads what it printed", () => {
  const value = fc.string({ unit: "grapheme", minLength: 1 }).filter((it) => !/[,\n]/.test(it));
  const parts = fc.dictionary(fc.constantFrom("model", "macaddr", "bridge"), value);
  fc.assert(
    fc.property(parts, (given) => {
      const text = Object.entries(given).map(([name, part]) => `${name}=${part}`);
      expect(partsOf(text.join(","))).toEqual(given);
    }),
  );
});

test("one part may stand without its name, anywhere", () => {
  expect(partsOf("virtio,bridge=vmbr0")).toEqual({ model: "virtio", bridge: "vmbr0" });
  expect(partsOf("bridge=vmbr0,virtio")).toEqual({ model: "virtio", bridge: "vmbr0" });
});

test("an alias gives its value to one part and its name to another", () => {
  expect(partsOf("virtio=BC:24:11:00:00:01,bridge=a=b")).toEqual({
    model: "virtio",
    macaddr: "BC:24:11:00:00:01",
    bridge: "a=b",
  });
});

test("truth values may be words, and empty parts count for nothing", () => {
  expect(partsOf(" ,model=e1000,,firewall=On,")).toEqual({ model: "e1000", firewall: "1" });
  expect(partsOf("firewall=no")).toEqual({ firewall: "0" });
  expect(partsOf("firewall=maybe")).toEqual({ firewall: "maybe" });
});

test("what Proxmox cannot read is said with the part that is meant", () => {
  expect(wrongOf("model=e1000,model=virtio")).toEqual({ problem: "is given twice", part: "model" });
  expect(wrongOf("e1000,virtio")).toEqual({ problem: "is given twice", part: "model" });
  expect(wrongOf("model=e1000,virtio")).toEqual({ problem: "is given twice", part: "model" });
  expect(wrongOf("0,virtio")).toEqual({ problem: "is given twice", part: "model" });
  expect(partsOf("model=0,virtio")).toEqual({ model: "virtio" });
  expect(wrongOf("model=e1000,virtio=BC:24:11:00:00:01")?.part).toBe("model");
  expect(wrongOf("e1000,brigde=vmbr0")).toEqual({ problem: "is no part of it", part: "brigde" });
  expect(wrongOf("e1000,bridge=")).toEqual({ problem: 'has a part that is not of the form "name=value"' });
  expect(parsePropertyString({ gw: { type: "string" } }, "dhcp").wrong).toEqual({
    problem: "has a part without a name",
  });
});
