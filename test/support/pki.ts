import "reflect-metadata";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate authority made for a test. */
export interface Authority {
  readonly pem: string;
  readonly subject: string;
  readonly signingKey: CryptoKey;
  /** The authority's own certificate as a server's. */
  readonly identity: Identity;
}

/** A server's certificate and key, as `tls.createServer` and `Bun.serve` take them. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** SHA-256, `AB:CD:...`. */
  readonly fingerprint: string;
}

/** What a certificate says; by default it is good for 127.0.0.1 and localhost, from yesterday for 30 days. */
export interface IdentityOptions {
  /** Without one the certificate signs itself. */
  readonly authority?: Authority;
  readonly subject?: string;
  readonly names?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;

/** Moves a date by whole days from now: `daysFromNow(-1)` is yesterday. */
export function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * dayMs);
}

/** Makes an authority that is good for a year. */
export async function makeAuthority(subject = "CN=Test Authority"): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: subject,
    keys,
    notBefore: daysFromNow(-365),
    notAfter: daysFromNow(365),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  });
  const identity = await toIdentity(certificate, keys.privateKey);
  return { pem: identity.cert, subject, signingKey: keys.privateKey, identity };
}

/** Makes a server's certificate. */
export async function makeIdentity(options: IdentityOptions = {}): Promise<Identity> {
  const { authority, subject = "CN=pve1.test", names = ["127.0.0.1", "localhost"] } = options;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: authority?.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey: authority?.signingKey ?? keys.privateKey,
    notBefore: options.notBefore ?? daysFromNow(-1),
    notAfter: options.notAfter ?? daysFromNow(30),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value }) as const),
      ),
    ],
  });
  return await toIdentity(certificate, keys.privateKey);
}

async function toIdentity(certificate: X509Certificate, privateKey: CryptoKey): Promise<Identity> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", privateKey)).toString("base64");
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", certificate.rawData)).toString("hex");
  return {
    cert: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END PRIVATE KEY-----\n`,
    fingerprint: (digest.toUpperCase().match(/../g) ?? []).join(":"),
  };
}
