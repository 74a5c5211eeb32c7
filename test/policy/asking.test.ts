import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { agreeable, clicking, type Human, httpClient, type Shown, typing } from "../support/clients.ts";
import { type Stage, setStage, transports } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe.each(Object.entries(transports))("%s", (_, connect) => {
  async function destroy(vmid: string, human?: Human) {
    await using client = await connect(stage, human);
    return await client.call("proxmox_api_call", { method: "DELETE", path: `/nodes/pve1/qemu/${vmid}` });
  }

  test.each([["its name", "victim"] as const, ["its VMID", undefined] as const])(
    "destroys a guest when the human types %s, and shows what will be lost",
    async (_, word) => {
      const vmid = await stage.makeGuest("victim", { tags: "dev;old" });
      await stage.admin("POST", `/nodes/pve1/qemu/${vmid}/snapshot`, { snapname: "before" });
      await Bun.sleep(20);
      const shown: Shown[] = [];
      const { text, isError } = await destroy(vmid, (question) => {
        shown.push(question);
        return { action: "accept", content: { confirm: word ?? vmid } };
      });
      expect({ text, isError }).toMatchObject({ isError: false });
      expect(await stage.exists(vmid)).toBe(false);
      expect(shown).toHaveLength(1);
      expect(shown[0]?.title).toBe(`Type "victim" or "${vmid}" to agree`);
      const message = shown[0]?.message.replaceAll(vmid, "VMID").replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, "DATE");
      expect(message).toMatchInlineSnapshot(`
        "DELETE VM VMID victim on alpha: cannot be undone
        disk scsi0 1G; 1 snapshot (before); no backup found
        Type victim (or VMID) to agree.
        DELETE /nodes/pve1/qemu/VMID
        VM VMID victim: stopped on pve1, tags dev;old.
        Snapshots: before of DATE UTC (just now).
        Disk that is lost: scsi0 vmdata:VMID/vm-VMID-disk-0.qcow2 1G.
        No backup of it was found.
        Its ACL entries, pool membership and firewall rules are removed too."
      `);
    },
  );

  test.each([
    ["types another name", typing("web-01")],
    ["types nothing", typing("")],
    ["accepts without typing", (() => ({ action: "accept", content: {} })) as Human],
    ["declines", clicking("decline")],
  ])("leaves the guest as it was when the human %s", async (_, human) => {
    const vmid = await stage.makeGuest("survivor");
    const { text, isError } = await destroy(vmid, human);
    expect({ text, isError }).toMatchObject({ isError: true });
    expect(await stage.exists(vmid)).toBe(true);
    expect(
      stage.demo.requests.filter(({ method }) => method === "DELETE").some(({ path }) => path.endsWith(vmid)),
    ).toBe(false);
  });

  test("a question that the human closes is answered with the plan, and with a code as the only way on", async () => {
    const vmid = await stage.makeGuest("survivor");
    const { text, isError } = await destroy(vmid, () => ({ action: "cancel" }));
    expect({ text, isError }).toMatchObject({ isError: false });
    expect(text).toStartWith("No human answered the question in the client.\nNOT EXECUTED");
    expect(text).toContain(`DELETE VM ${vmid} survivor on alpha: cannot be undone`);
    expect(await stage.exists(vmid)).toBe(true);
  });

  test("asks for one click before what is sensitive, and reads it then", async () => {
    const path = "/nodes/pve1/qemu/100/agent/file-read";
    const shown: Shown[] = [];
    const human: Human = (question) => {
      shown.push(question);
      return clicking("accept")(question);
    };
    await using client = await connect(stage, human);
    const before = stage.demo.requests.length;
    await client.call("proxmox_api_call", { path, data: { file: "/etc/hostname" } });
    expect(stage.demo.requests.slice(before).map((request) => request.path)).toContain(`/api2/json${path}`);
    expect(shown.map(({ title }) => title)).toEqual([undefined]);
    await using refuser = await connect(stage, clicking("decline"));
    const other = { path, data: { file: "/etc/shadow" } };
    for (let i = 0; i < 2; i++) {
      expect((await refuser.call("proxmox_api_call", other)).text).toStartWith("The human declined.");
    }
  });

  test.each([
    ["declines in no time", { action: "decline" }],
    ["accepts a click in no time", { action: "accept" }],
  ] as const)("a client that %s has not asked a human, and only a code counts then", async (_, answer) => {
    const call = { path: "/nodes/pve1/qemu/100/agent/file-read", data: { file: `/etc/${answer.action}` } };
    await using client = await connect(stage, () => answer);
    const { text } = await client.call("proxmox_api_call", call);
    expect(text).toStartWith("No human answered the question in the client.\nNOT EXECUTED");
    expect(text).toContain("`proxmox-mcp consents`");
  });

  test("asks before guest_power pulls the plug, and not before it starts", async () => {
    const vmid = await stage.makeGuest("plugged");
    const shown: Shown[] = [];
    const human: Human = (question) => {
      shown.push(question);
      return agreeable(question);
    };
    await using client = await connect(stage, human);
    const power = (action: string) => client.call("guest_power", { guest: vmid, action });
    expect((await power("start")).text).toContain("is running now");
    expect(shown).toEqual([]);
    expect((await power("stop")).text).toContain("is off now");
    expect(shown[0]?.message).toStartWith(
      `STOP VM ${vmid} plugged on alpha: unsaved data is lost\ncuts power; it is running\nType plugged (or ${vmid}) to agree.\n`,
    );
  });

  test("answers what cannot do anything without a question, and sends nothing", async () => {
    const human: Human = () => {
      throw new Error("asked");
    };
    await using client = await connect(stage, human);
    const path = "/nodes/pve1/qemu/101/snapshot/nope";
    const { text, isError } = await client.call("proxmox_api_call", { method: "DELETE", path });
    expect({ text, isError }).toEqual({
      text: `DELETE ${path} on alpha was not sent: snapshot "nope" does not exist on VM 101 db-01; it has: before-upgrade.`,
      isError: true,
    });
    expect(stage.demo.requests.some((request) => request.method === "DELETE" && request.path.includes("nope"))).toBe(
      false,
    );
  });

  test("asks nothing before a change", async () => {
    const human: Human = () => {
      throw new Error("asked");
    };
    await using client = await connect(stage, human);
    const vmid = await stage.makeGuest("worker");
    const path = `/nodes/pve1/qemu/${vmid}/config`;
    expect((await client.call("proxmox_api_call", { method: "PUT", path, data: { memory: 2048 } })).isError).toBe(
      false,
    );
  });

  test("the configuration's digest goes along, and one that changed while the human thought is refused", async () => {
    const vmid = await stage.makeGuest("shifting", { onboot: "1" });
    const path = `/nodes/pve1/qemu/${vmid}/config`;
    const human: Human = async () => {
      await stage.admin("PUT", path, { cores: "4" });
      return { action: "accept", content: { confirm: vmid } };
    };
    await using client = await connect(stage, human);
    const call = { method: "PUT", path, data: { delete: ["onboot"] } };
    const { text, isError } = await client.call("proxmox_api_call", call);
    expect(isError).toBe(true);
    expect(text).toMatch(/does not count: cores not set -> 4 since the plan|does not count: .*cores/);
    expect(await stage.admin("GET", path)).toMatchObject({ onboot: 1, cores: 4 });
    await using other = await connect(stage, typing(vmid));
    expect(await other.call("proxmox_api_call", call)).toMatchObject({ isError: false });
    expect(await stage.admin("GET", path)).not.toHaveProperty("onboot");
  });
});

test("the digest of what was agreed to is sent, so that Proxmox refuses what changed in the last moment", async () => {
  await stage.admin("POST", "/cluster/firewall/rules", { type: "in", action: "DROP" });
  const path = "/cluster/firewall/rules/0";
  const [{ digest }] = (await stage.admin("GET", "/cluster/firewall/rules")) as [{ digest: string }];
  await using client = await httpClient({ url: stage.product.url, human: agreeable });
  const { isError } = await client.call("proxmox_api_call", { method: "DELETE", path });
  expect(isError).toBe(false);
  const sent = stage.demo.requests.find((request) => request.method === "DELETE" && request.path.endsWith(path));
  expect(new URL(sent?.url ?? "", "http://demo").searchParams.get("digest")).toBe(digest);
});

test("a backup of a guest that is long gone can be deleted: what is shown and typed is the guest's VMID", async () => {
  const vmid = await stage.makeGuest("gone");
  await stage.admin("POST", "/nodes/pve1/vzdump", { vmid, storage: "backups" });
  await Bun.sleep(50);
  await stage.admin("DELETE", `/nodes/pve1/qemu/${vmid}`);
  await Bun.sleep(50);
  const list = (await stage.admin("GET", "/nodes/pve1/storage/backups/content", { vmid })) as { volid: string }[];
  const volume = list[0]?.volid ?? "";
  const shown: Shown[] = [];
  const human: Human = (question) => {
    shown.push(question);
    return agreeable(question);
  };
  await using client = await httpClient({ url: stage.product.url, human });
  const path = `/nodes/pve1/storage/backups/content/${volume}`;
  await client.call("proxmox_api_call", { method: "DELETE", path });
  expect(shown[0]?.title).toContain(`"${vmid}"`);
  expect(shown[0]?.message).toContain(`DELETE backup of guest ${vmid} from backups on alpha: cannot be undone`);
  expect(
    stage.demo.requests.some((request) => request.method === "DELETE" && request.path.includes(`vzdump-qemu-${vmid}`)),
  ).toBe(true);
});
