import type { ParamValue } from "../../proxmox/params.ts";

/** Stands for a secret. */
export const masked = "[masked]";

/** The text of a value with its secrets masked. */
type Shown = (value: string) => string;

/** How parameters of these names are shown. */
interface SecretParameter {
  readonly names: readonly string[];
  /** Endpoints as `METHOD /template` for which it holds; every endpoint by default. */
  readonly on?: readonly string[];
  /** What a human who is asked sees: what decides what the call does is never masked. */
  readonly shown: Shown;
  /** Whether the audit masks it whole, although a human sees it or parts of it. */
  readonly maskedInAudit?: true;
}

const hidden: Shown = () => masked;
const whole: Shown = (value) => value;

const webhook = ["POST", "PUT"].map(
  (method) => `${method} /cluster/notifications/endpoints/webhook${method === "PUT" ? "/{name}" : ""}`,
);

/**
 * Every parameter of PVE 8.4 and 9.1 that may be a secret by its name, beside those whose secret only their description
 * tells. The first row that fits holds. What is not listed is masked by its name in the audit, and in a question only
 * where the name admits no other reading ({@link isSurelySecret}).
 */
const secretParameters: readonly SecretParameter[] = [
  {
    names: [
      "password",
      "cipassword",
      "confirmation-password",
      "otp",
      "vncticket",
      "tfa-challenge",
      "challenge",
      "code",
    ],
    shown: hidden,
  },
  // Second factors: key ids and OATH secrets of a user, an otpauth URI with its secret, one-time values.
  { names: ["keys", "totp"], shown: hidden },
  { names: ["value"], on: ["POST /access/tfa/{userid}"], shown: hidden },
  { names: ["value"], on: ["PUT /cluster/ceph/flags/{flag}"], shown: whole },
  { names: ["token", "keyring", "client-key", "eab-hmac-key"], shown: hidden },
  { names: ["encryption-key"], shown: (value) => (value === "autogen" ? value : masked) },
  { names: ["key"], on: ["POST /nodes/{node}/certificates/custom"], shown: hidden },
  { names: ["certificates"], shown: maskPrivateKeys },
  { names: ["key"], on: ["POST /cluster/sdn/dns", "PUT /cluster/sdn/dns/{dns}"], shown: hidden },
  { names: ["key"], on: ["PUT /nodes/{node}/subscription"], shown: subscriptionLevel },
  // The deed itself; typed one by one, keys may spell a password.
  { names: ["key"], on: ["PUT /nodes/{node}/qemu/{vmid}/sendkey"], shown: whole, maskedInAudit: true },
  { names: ["generate-password"], shown: whole },
  { names: ["data"], on: ["POST /nodes/{node}/hosts"], shown: whole },
  {
    names: ["data"],
    on: ["POST /cluster/acme/plugins", "PUT /cluster/acme/plugins/{id}"],
    shown: acmeNames,
  },
  { names: ["body"], on: webhook, shown: decodedText },
  { names: ["header", "secret"], on: webhook, shown: (value) => maskProperties(value, (key) => key !== "name") },
  { names: ["otel-headers"], shown: headerNames },
  { names: ["env"], shown: maskEnvironment, maskedInAudit: true },
  { names: ["commands"], on: ["POST /nodes/{node}/execute"], shown: whole, maskedInAudit: true },
  { names: ["tfa"], shown: (value) => maskProperties(value, (key) => key === "key") },
  { names: ["target-endpoint"], shown: maskApiToken },
];

/** How a parameter is shown; `undefined` for one that is not listed. */
export function secretParameter(endpoint: string, name: string): SecretParameter | undefined {
  return secretParameters.find(({ names, on }) => names.includes(name) && (on === undefined || on.includes(endpoint)));
}

/** A name that admits no other reading than a secret; `key`, `value`, `data`, `body`, `env` and the like do. */
export function isSurelySecret(name: string): boolean {
  return /pass(?:word|wd|phrase)|secret|credential|private|keyring|^otp$|ticket$|^token$|[-_]key$/i.test(name);
}

/** Applies a function to the texts of a value; numbers and booleans are no secrets. */
export function mapTexts(value: ParamValue, change: Shown): ParamValue {
  if (typeof value === "object") return value.map((item) => (typeof item === "string" ? change(item) : item));
  return typeof value === "string" ? change(value) : value;
}

/** The properties of `name=a,value=b`, values of secret keys masked; a part without a key may be one. */
function maskProperties(text: string, isSecret: (key: string) => boolean): string {
  return text
    .split(",")
    .map((part) => {
      const at = part.indexOf("=");
      if (at < 0) return isSecret("") && part !== "" ? masked : part;
      const key = part.slice(0, at);
      return isSecret(key.trim()) ? `${key}=${masked}` : part;
    })
    .join(",");
}

/** `pve2c-[masked]`: sockets and level of the key. */
function subscriptionLevel(key: string): string {
  return key.replace(/^(\s*pve[1248][cbsp]-)[0-9a-f]{10}(\s*)$/i, (_, level: string) => `${level.trim()}${masked}`);
}

/** Base64 as Perl's MIME::Base64 reads it: other characters are skipped, and padding ends it. */
function decode(text: string): Buffer {
  const [digits = ""] = text.replace(/[^\w+/=]|_/g, "").split("=");
  return Buffer.from(digits, "base64");
}

/** Base64 of UTF-8 decoded; as it is where it is no such text, or one that another decoder could read otherwise. */
function decodedText(text: string): string {
  try {
    const bytes = Buffer.from(text, "base64");
    return bytes.toString("base64") === text ? new TextDecoder("utf-8", { fatal: true }).decode(bytes) : text;
  } catch {
    return text;
  }
}

/** The lines of an ACME plugin's data, base64 of `NAME=value` lines, values masked (PVE::API2::ACMEPlugin). */
function acmeNames(text: string): string {
  const lines = decode(text).toString("latin1").split("\n");
  const names = lines.filter((line) => line.trim() !== "").map(maskVariable);
  return names.some((line) => line !== masked) ? names.join("\n") : masked;
}

function maskVariable(line: string): string {
  const name = /^([A-Za-z_]\w*)=/.exec(line)?.[1];
  return name === undefined ? masked : `${name}=${masked}`;
}

/** The names of base64 JSON of headers, values masked. */
function headerNames(text: string): string {
  try {
    const headers: unknown = JSON.parse(decode(text).toString());
    if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return masked;
    return JSON.stringify(Object.fromEntries(Object.keys(headers).map((name) => [name, masked])));
  } catch {
    return masked;
  }
}

/** A container's environment, NUL-separated: variables such as LD_PRELOAD decide what runs, and only passwords are masked. */
function maskEnvironment(text: string): string {
  return text
    .split("\0")
    .map((part) => {
      const name = /^([A-Za-z_]\w*)=/.exec(part)?.[1];
      return name !== undefined && /(?:pass(?:word|wd|phrase)?|secret|token|api_?key|private_?key)$/i.test(name)
        ? `${name}=${masked}`
        : part;
    })
    .join("\0");
}

/** `apitoken=PVEAPIToken=root@pam!id=[masked],host=...` of a remote migration. */
function maskApiToken(text: string): string {
  return text
    .split(",")
    .map((part) => {
      if (!part.trim().startsWith("apitoken=")) return part;
      return `${/^\s*apitoken=(?:PVEAPIToken=[^\s!=]+![^\s!=]+=)?/.exec(part)?.[0] ?? ""}${masked}`;
    })
    .join(",");
}

/** A text with the inside of each PEM private key masked; its length in one pass. */
export function maskPrivateKeys(text: string): string {
  const kept: string[] = [];
  let from = 0;
  for (;;) {
    const head = text.indexOf("PRIVATE KEY-----", from);
    if (head < 0) break;
    const begin = head + "PRIVATE KEY-----".length;
    const end = text.indexOf("-----END", begin);
    kept.push(text.slice(from, begin), masked);
    if (end < 0) return kept.join("");
    const close = text.indexOf("PRIVATE KEY-----", end);
    from = close < 0 ? end : close + "PRIVATE KEY-----".length;
    kept.push(text.slice(end, from));
  }
  return kept.join("") + text.slice(from);
}
