import { describe, expect, test } from "bun:test";
import { holdsSecret, maskParams, showValue } from "../../../src/policy/redaction/redact-parameters.ts";
import { secretParameter } from "../../../src/policy/redaction/secret-parameters.ts";
import { loadSources } from "../../apidoc/validate/schemas.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const any = "POST /unknown";

describe("the host that is contacted is never masked:", () => {
  test.each([
    "https://evil.example?@download.proxmox.com/iso/x.iso",
    "https://evil.example#@download.proxmox.com/iso/x.iso",
    "https://evil.example\\@download.proxmox.com/iso/x.iso",
    "https://evil.example/@download.proxmox.com/iso/x.iso",
    "https://key=@evil.example@download.proxmox.com/x",
    "https://evil.example:80@@good.example/",
    "https://evil.example @good.example/",
    "https://evil.example\t@good.example/",
    "https://evil.example\u3002@good.example/",
    "http:/me@evil.example/",
    "//me@evil.example/",
    "https://evil.example/?token=@good.example/iso",
  ])("%s", (url) => {
    expect(showValue(any, "url", url)).toBe(url);
    const audited = String(maskParams({ url }, any)["url"]);
    expect(audited).toContain("evil.example");
  });

  test("a login is masked where every reader finds the same host behind it", () => {
    const masks = [
      ["https://me:pw@example.com/x", "https://[masked]@example.com/x"],
      ["http://user:p,w;1@proxy.example:3128", "http://[masked]@proxy.example:3128"],
      ["https://key=x@evil.example/iso", "https://[masked]@evil.example/iso"],
      ["https://me:pw@[2001:db8::1]:8006/x@y", "https://[masked]@[2001:db8::1]:8006/x@y"],
    ] as const;
    for (const [url, shown] of masks) {
      expect(showValue("PUT /cluster/options", "http_proxy", url)).toBe(shown);
      expect(maskParams({ http_proxy: url }, "PUT /cluster/options")).toEqual({ http_proxy: shown });
    }
  });
});

describe("what decides what a call does is shown:", () => {
  test.each<[endpoint: string, name: string, value: string | boolean | string[], shown: string | boolean | string[]]>([
    ["PUT /nodes/{node}/qemu/{vmid}/sendkey", "key", "ctrl-alt-delete", "ctrl-alt-delete"],
    ["PUT /cluster/ceph/flags/{flag}", "value", true, true],
    ["PUT /cluster/ceph/flags/{flag}", "value", "1", "1"],
    [
      "PUT /nodes/{node}/lxc/{vmid}/config",
      "env",
      "LD_PRELOAD=/tmp/x.so\0DB_PASSWORD=s3cr3t\0odd",
      "LD_PRELOAD=/tmp/x.so\0DB_PASSWORD=[masked]\0odd",
    ],
    [
      "POST /cluster/acme/plugins",
      "data",
      base64("CF_Token=s3cr3t\nLD_PRELOAD=/tmp/x\n"),
      "CF_Token=[masked]\nLD_PRELOAD=[masked]",
    ],
    ["PUT /cluster/acme/plugins/{id}", "data", "s3cr3t", "[masked]"],
    ["POST /nodes/{node}/hosts", "data", "192.0.2.1 token=evil", "192.0.2.1 token=evil"],
    ["POST /cluster/notifications/endpoints/webhook", "body", base64('{"text":"hi"}'), '{"text":"hi"}'],
    ["POST /cluster/notifications/endpoints/webhook", "body", "no base64!", "no base64!"],
    [
      "PUT /cluster/notifications/endpoints/webhook/{name}",
      "header",
      ["name=Authorization,value=s3cr3t"],
      ["name=Authorization,value=[masked]"],
    ],
    [
      "POST /cluster/notifications/endpoints/webhook",
      "secret",
      ["value=s3cr3t,name=a", "s3cr3t"],
      ["value=[masked],name=a", "[masked]"],
    ],
    ["POST /cluster/metrics/server/{id}", "otel-headers", base64('{"X-Key":"s3cr3t"}'), '{"X-Key":"[masked]"}'],
    ["POST /storage", "encryption-key", "autogen", "autogen"],
    ["POST /storage", "encryption-key", "{s3cr3t}", "[masked]"],
    ["PUT /nodes/{node}/subscription", "key", "pve2c-0123456789", "pve2c-[masked]"],
    [
      "PUT /access/domains/{realm}",
      "tfa",
      "type=yubico,id=1,key=s3cr3t,url=https://evil.example",
      "type=yubico,id=1,key=[masked],url=https://evil.example",
    ],
    [
      "POST /nodes/{node}/qemu/{vmid}/remote_migrate",
      "target-endpoint",
      "apitoken=PVEAPIToken=root@pam!mig=s3cr3t,host=192.0.2.1",
      "apitoken=PVEAPIToken=root@pam!mig=[masked],host=192.0.2.1",
    ],
    ["POST /nodes/{node}/qemu/{vmid}/vncproxy", "generate-password", true, true],
    ["PUT /nodes/{node}/lxc/{vmid}/config", "mp0", "/mnt/key=x/../../etc,mp=/mnt", "/mnt/key=x/../../etc,mp=/mnt"],
    ["PUT /nodes/{node}/qemu/{vmid}/config", "hostpci0", "01:00,romfile=x,token=/etc", "01:00,romfile=x,token=/etc"],
    [
      "PUT /nodes/{node}/qemu/{vmid}/config",
      "args",
      "x PRIVATE KEY----- -drive /dev/sda",
      "x PRIVATE KEY----- -drive /dev/sda",
    ],
    [any, "value", "x", "x"],
    [any, "db_password", "s3cr3t", "[masked]"],
  ])("%s %s", (endpoint, name, value, shown) => {
    expect(showValue(endpoint, name, value)).toEqual(shown);
  });

  test("of a certificate with its key all but the key", () => {
    const pem = (kind: string) => `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`;
    const chain = pem("CERTIFICATE") + pem("RSA PRIVATE KEY") + pem("CERTIFICATE");
    expect(showValue("POST /nodes/{node}/certificates/custom", "certificates", chain)).toBe(
      chain.replace("RSA PRIVATE KEY-----\nAAAA\n", "RSA PRIVATE KEY-----[masked]"),
    );
  });
});

test("the audit masks more than a question: keys that may spell a password, environments, what looks like a secret", () => {
  const params = { key: "ret", description: "server=x,password=hunter2", url: "https://h.example/?token=s3cr3t&v=1" };
  expect(maskParams(params, "PUT /nodes/{node}/qemu/{vmid}/sendkey")).toEqual({
    key: "[masked]",
    description: "server=x,password=[masked]",
    url: "https://h.example/?token=[masked]&v=1",
  });
  expect(maskParams({ env: "A=b" }, "POST /nodes/{node}/lxc")).toEqual({ env: "[masked]" });
  expect(maskParams({ value: true }, "PUT /cluster/ceph/flags/{flag}")).toEqual({ value: true });
});

const sources = await loadSources();

/** Every parameter of a call that changes something whose name may be that of a secret, as `name: endpoints`. */
const suspects = Map.groupBy(
  [
    ...new Set(
      sources.flatMap(({ schema }) =>
        schema
          .names()
          .filter(({ method }) => method !== "GET")
          .flatMap(({ method, template }) =>
            Object.keys(schema.endpoint(method, template)?.parameters ?? {})
              .filter((name) => holdsSecret(name))
              .map((name) => `${name} ${method} ${template}`),
          ),
      ),
    ),
  ],
  (text) => text.split(" ")[0] ?? "",
);

test.skipIf(!sources.every(({ whole }) => whole))("each parameter with the name of a secret was decided on", () => {
  const decisions = [...suspects.values()].flat().map((text) => {
    const [name = "", ...endpoint] = text.split(" ");
    const listed = secretParameter(endpoint.join(" "), name);
    if (listed === undefined) return `${text}: undecided`;
    const probe = showValue(endpoint.join(" "), name, "probe,name=x");
    const how = probe === "[masked]" ? "masked" : probe === "probe,name=x" ? "shown" : "partly";
    return `${text}: ${how}${listed.maskedInAudit ? ", masked in the audit" : ""}`;
  });
  expect(decisions.toSorted()).toMatchSnapshot();
});
