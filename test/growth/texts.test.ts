import { describe, expect, test } from "bun:test";
import { grid } from "../../src/cli/format-table.ts";
import { checkPattern, checkProtect } from "../../src/config/clusters/pattern.ts";
import { proxyFor } from "../../src/config/clusters/proxy.ts";
import { Secret } from "../../src/config/secret.ts";
import { didYouMean, shellWord } from "../../src/config/wording.ts";
import { propertiesOf, saysNo, saysYes, volumesOf } from "../../src/policy/endpoint-classes/parameters/property.ts";
import { covers } from "../../src/policy/pattern.ts";
import { fileOf, nameText, pathText, quote, valueText } from "../../src/policy/plan/wording.ts";
import { maskParams, showValue } from "../../src/policy/redaction/redact-parameters.ts";
import { maskPrivateKeys } from "../../src/policy/redaction/secret-parameters.ts";
import { classifyError, refusalInData } from "../../src/proxmox/errors/classify-error.ts";
import { failed, oneLine } from "../../src/proxmox/errors/error-messages.ts";
import { encodeParams, parseParams } from "../../src/proxmox/params.ts";
import { encodePath, formatPath, parsePath } from "../../src/proxmox/path.ts";
import { decisiveLines, explainTask, resultOf } from "../../src/proxmox/tasks/task.ts";
import { parseUpid } from "../../src/proxmox/tasks/upid.ts";
import { Redactor } from "../../src/redact/redactor.ts";
import { plain, plainJson, plainLine } from "../../src/sanitize.ts";
import { splitMethod } from "../../src/tools/method.ts";
import { cutText, fittingLines } from "../../src/tools/output/output-budget.ts";
import { table } from "../../src/tools/output/table.ts";
import { readCursor } from "../../src/tools/resources/cursor.ts";
import { resourceOf } from "../../src/tools/resources/resource.ts";
import { growthOf, hostileTexts } from "../support/growth.ts";

const redactor = new Redactor();
redactor.add(new Secret("8d3e55d0-27a2-4be9-b9a1-1c0e7f4d2a66"));
const attempted = { method: "PUT", path: "/nodes/pve1/qemu/100/config", cluster: "prod" } as const;
const asker = { user: "mcp@pve", token: "mcp@pve!agent" };
const task = { upid: "", node: "pve1", type: "qmstart", id: "100", user: "root@pam", starttime: 0 };

/** Every function that reads text of Proxmox, of a client or of a configuration, alone: no limit before it helps. */
const functions: Readonly<Record<string, (text: string) => unknown>> = {
  plain,
  plainLine,
  plainJson: (text) => plainJson(JSON.stringify(text)),
  "redactor.incoming": (text) => redactor.incoming({ text, [text]: [text] }),
  "redactor.outgoing": (text) => redactor.outgoing(text),
  maskParams: (text) => maskParams({ x: text, description: text, [text]: "1", password: text }, "PUT /x"),
  "maskParams of ACME data": (text) => maskParams({ data: text }, "POST /cluster/acme/plugins"),
  "maskParams of base64": (text) =>
    maskParams({ data: btoa(unescape(encodeURIComponent(text.toWellFormed()))) }, "POST /cluster/acme/plugins"),
  showValue: (text) => showValue("PUT /nodes/{node}/lxc/{vmid}/config", "env", text),
  "showValue of a URL": (text) => showValue("PUT /x", "url", `https://${text}`),
  maskPrivateKeys,
  propertiesOf,
  volumesOf,
  saysYes: (text) => saysYes(text, "firewall"),
  saysNo: (text) => saysNo(text, "firewall"),
  "explain 400": (text) => classifyError({ status: 400, text, errors: { a: text } }, attempted, asker),
  "explain 401": (text) => classifyError({ status: 401, text, errors: undefined }, attempted, asker),
  "explain 403": (text) => classifyError({ status: 403, text, errors: undefined }, attempted, asker),
  "explain 501": (text) => classifyError({ status: 501, text, errors: undefined }, attempted, asker),
  refusalInData: (text) => refusalInData([{ t: text }], attempted),
  failed: (text) => failed(text, attempted),
  oneLine,
  explainTask: (text) => explainTask({ ...task, type: text, id: text }, text),
  resultOf,
  decisiveLines: (text) => decisiveLines([text, ...text.split("\n")]),
  parseUpid: (text) => [
    parseUpid(text),
    parseUpid(`UPID:${text}:`),
    parseUpid(`UPID:pve1:000001CC:0006EAA0:6B02C95E:${text}:`),
  ],
  parsePath,
  formatPath: (text) => formatPath(text.split("/")),
  encodePath: (text) => encodePath(["nodes", "pve1", "storage", "x", "content", text]),
  "encodePath of segments": (text) => encodePath(text.split("/")),
  params: (text) => encodeParams(parseParams({ x: text, [text]: "1" })),
  readCursor: (text) => readCursor(text, "?"),
  resourceOf: (text) => resourceOf({ id: text, type: text, tags: text, content: text, node: text }, "prod"),
  splitMethod,
  table: (text) => table(["a"], [[text], [text]]),
  grid: (text) => grid([{ name: text, [text]: 1 }, { name: "x" }], 80),
  cutText: (text) => cutText(text, 1000),
  fittingLines: (text) => fittingLines(text.split("\n"), 36_000),
  quote,
  nameText: (text) => nameText(text),
  valueText: (text) => valueText(text),
  fileOf,
  pathText: (text) => pathText(text.split("/")),
  didYouMean: (text) => didYouMean(text, ["cluster", "path", "method"]),
  shellWord,
  covers: (text) => covers("GET /**/a/**/b/{x}/*/**", "GET", text.split("/")),
  checkPattern: (text) => [`GET /${text}`, text].map((each) => quietly(() => checkPattern(each))),
  checkProtect: (text) => [`name:${text}`, `vmid:${text}`, text].map((each) => quietly(() => checkProtect(each))),
  proxyFor: (text) => proxyFor("https://192.0.2.1:8006", { https_proxy: "http://192.0.2.9:3128", no_proxy: text }),
};

/** Runs what may refuse a text: how long it takes to say so counts, too. */
function quietly(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof TypeError || error instanceof ReferenceError) throw error;
    return undefined;
  }
}

describe.each(Object.entries(functions))("%s", (_, run) => {
  test.each(hostileTexts)("of %s", async (_name, make) => {
    const factor = 12;
    expect(await growthOf(make, (text) => quietly(() => run(text)), { small: 50_000, factor })).toBeLessThanOrEqual(
      factor,
    );
  });
});
