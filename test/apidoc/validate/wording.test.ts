import { expect, test } from "bun:test";
import type { Properties } from "../../../src/apidoc/types.ts";
import { validate } from "../../../src/apidoc/validate/validate.ts";
import { wordComplaints } from "../../../src/apidoc/validate/wording.ts";

const parameters: Properties = {
  vmid: { type: "integer", format: "pve-vmid" },
  cores: { type: "integer", optional: 1, minimum: 1 },
  memory: { type: "string", optional: 1, format: { current: { type: "integer", minimum: 16, default_key: 1 } } },
  bios: { type: "string", optional: 1, enum: ["seabios", "ovmf"] },
  onboot: { type: "boolean", optional: 1 },
  password: { type: "string", optional: 1, maxLength: 8 },
  "net[n]": {
    type: "string",
    optional: 1,
    format: {
      model: { type: "string", enum: ["e1000", "virtio"], default_key: 1 },
      bridge: { type: "string", format: "pve-bridge-id", optional: 1 },
    },
  },
};

test("every wrong parameter is told at once, with what is valid, then the signature", () => {
  const complaints = validate(
    { parameters, additional: false },
    {},
    {
      cores: 0,
      memory: "lots",
      bios: "omvf",
      onboot: "true",
      password: "correct horse battery",
      net0: "virtio,brige=vmbr0",
      memroy: 1,
      bridge: "vmbr0",
      bogus: 1,
    },
  );
  expect(wordComplaints(complaints, "POST /nodes/{node}/qemu  vmid* ...")).toMatchInlineSnapshot(`
    "10 parameters are wrong:
    - vmid is missing; valid: a VMID from 100 to 999999999
    - cores is "0"; valid: an integer of at least 1
    - current in memory is "lots"; valid: an integer of at least 16
    - bios is "omvf"; did you mean ovmf?; valid: one of seabios, ovmf
    - onboot is "true"; valid: true or false (1 or 0)
    - password has 21 characters; valid: at most 8 characters
    - brige in net0 is no part of it; did you mean bridge?; valid: [model], bridge as name=value, separated by commas
    - memroy is unknown; did you mean memory?
    - bridge is unknown here, but a part of net[n]
    - bogus is unknown; valid: vmid, cores, memory, bios, onboot, password, net0
    POST /nodes/{node}/qemu  vmid* ..."
  `);
});

test("one is told as one, and a flood is cut", () => {
  const flood = Object.fromEntries(
    Array.from({ length: 500 }, (_, at) => [`${String.fromCodePoint(0x4e00 + at)}memory`, "1"]),
  );
  expect(wordComplaints(validate({ parameters: {}, additional: false }, {}, { x: 1 }))).toMatchInlineSnapshot(`
    "1 parameter is wrong:
    - x is unknown: there are no parameters to give here"
  `);
  const complaints = validate({ parameters, additional: false }, { vmid: "100" }, flood);
  expect(complaints.filter(({ nearest }) => nearest !== undefined)).toHaveLength(20);
  const text = wordComplaints(complaints);
  expect(text.split("\n")).toHaveLength(22);
  expect(text).toEndWith("- and 480 more");
});

test("the nearest name is never the one that was given", () => {
  const complaints = validate({ parameters, additional: false }, { vmid: "100" }, { net0: "model=virtio,model=e1000" });
  expect(complaints).toEqual([
    {
      name: "net0",
      part: "model",
      problem: "is given twice",
      valid: "[model], bridge as name=value, separated by commas",
    },
  ]);
});

test("no value that could be a secret is repeated", () => {
  const text = wordComplaints(
    validate({ parameters, additional: false }, { vmid: "100" }, { password: "hunter2hunter2" }),
  );
  expect(text).not.toContain("hunter2");
});
