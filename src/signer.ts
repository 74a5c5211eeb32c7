import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { Config } from "./config/types.ts";

/** What a sealed value is for. One made for one purpose is never accepted for another. */
export type SealPurpose = "session";

/** How long the key before the last still opens what it sealed, in milliseconds. */
const oldKeyMs = 10 * 60_000;

/**
 * Values that this server hands out, gets back and must recognize as its own: signed (HMAC-SHA256), not hidden. They
 * are valid over restarts and on replicas with the same configuration, since the key comes from there.
 */
export class Signer {
  #key: Buffer;
  #old: { readonly key: Buffer; readonly until: number } | undefined;

  constructor(config: Config) {
    this.#key = keyOf(config);
  }

  /** Takes the key of a configuration that was reloaded. */
  renew(config: Config): void {
    const key = keyOf(config);
    if (key.equals(this.#key)) return;
    this.#old = { key: this.#key, until: Date.now() + oldKeyMs };
    this.#key = key;
  }

  /**
   * Signs a value. `boundTo` is not in the text but needed to open it, such as its holder.
   * The result has only characters that a header or a URL takes.
   */
  close(purpose: SealPurpose, value: unknown, boundTo: string): string {
    const body = Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${body}.${sign(this.#key, purpose, body, boundTo)}`;
  }

  /**
   * The value of a text that {@link Signer.close} made with the same purpose and binding, letter for letter; `undefined`
   * for any other. Signatures are compared as text: base64 has many spellings of the same bytes, and who remembers a
   * text as used up must not be shown another one that opens as well.
   */
  open(purpose: SealPurpose, text: string, boundTo: string): unknown {
    const [body = "", signature = "", ...more] = text.split(".");
    if (more.length > 0) return undefined;
    const given = Buffer.from(signature);
    const keys = [this.#key, ...(this.#old !== undefined && this.#old.until > Date.now() ? [this.#old.key] : [])];
    const isOurs = keys.some((key) => {
      const wanted = Buffer.from(sign(key, purpose, body, boundTo));
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    });
    return isOurs ? JSON.parse(Buffer.from(body, "base64url").toString()) : undefined;
  }
}

function sign(key: Buffer, purpose: SealPurpose, body: string, boundTo: string): string {
  // As JSON the parts cannot run into one another.
  return createHmac("sha256", key)
    .update(JSON.stringify([purpose, body, boundTo]))
    .digest("base64url");
}

/** Never from the bearer token: who has that one must not be able to make what only the server may make. */
function keyOf({ sealKey, clusters }: Config): Buffer {
  const secrets = sealKey === undefined ? clusters.map(({ tokenSecret }) => tokenSecret).sort(byValue) : [sealKey];
  const material = JSON.stringify(secrets.map((secret) => secret.reveal()));
  return Buffer.from(hkdfSync("sha256", material, "", "proxmox-mcp seal", 32));
}

function byValue(a: { reveal(): string }, b: { reveal(): string }): number {
  return a.reveal() < b.reveal() ? -1 : 1;
}
