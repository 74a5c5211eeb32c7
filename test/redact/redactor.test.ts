import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Secret } from "../../src/config/secret.ts";
import { Redactor } from "../../src/redact/redactor.ts";
import { expectLinear } from "../support/growth.ts";
import { codeSpellings, secretSpellings, symbols, windowsShown } from "./spellings.ts";

function redactorOf(...secrets: string[]): Redactor {
  const redactor = new Redactor();
  redactor.add(secrets.map((secret) => new Secret(secret)));
  return redactor;
}

function redactorOfCodes(...codes: string[]): Redactor {
  const redactor = new Redactor();
  redactor.followCodes(() => codes);
  return redactor;
}

const uuid = "1d5ae4b7-c0de-4bad-8f00-5ec4e75ec4e7";
const code = "K7Q2-9FGH-3MNP";

/** Secrets as tokens are: UUIDs, hexadecimal, base64url, and passwords with signs. */
const secrets = fc.oneof(
  fc.uuid(),
  fc.stringMatching(/^[0-9a-f]{32}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{20,43}$/),
  fc.stringMatching(/^[A-Za-z0-9!$%&*+,./:;<=>?@^~"'\\|-]{12,40}$/),
);

/** Text around a secret that has no letters or digits of it next to it: those would be part of what is encoded. */
const around = fc.oneof(
  fc.string({ maxLength: 60, unit: "binary" }),
  fc.constantFrom(
    "",
    "PVEAPIToken=mcp@pve!agent=",
    '{"message":"',
    "Authorization: Basic ",
    "\n  at line 3:\t",
    "%",
    "\\",
    "&",
  ),
);

describe("a configured secret", () => {
  test.each(secretSpellings.map(({ name, spell }) => [name, spell] as const))("does not leave %s", (_, spell) => {
    const redactor = redactorOf(uuid);
    for (const before of ["", "a", "ab", "abc", "PVEAPIToken=mcp@pve!agent="]) {
      const text = `reason: ${spell(uuid, before, " end")} (400)`;
      const shown = redactor.outgoing(text);
      expect(shown).not.toBe(text);
      expect(windowsShown(shown, spell(uuid, "", ""))).toEqual([]);
      expect(shown).toStartWith("reason: ");
      expect(shown).toEndWith(" (400)");
    }
  });

  test("of any form in any text and any spelling leaves no part of 8 characters", () => {
    fc.assert(
      fc.property(
        secrets,
        around,
        around,
        fc.constantFrom(...secretSpellings),
        (secret, before, after, { spell, perCharacter }) => {
          fc.pre(symbols(secret).length >= 12 && windowsShown(before + after, secret).length === 0);
          const shown = redactorOf(secret).outgoing(`${before} ${spell(secret, "", "")} ${after}`);
          expect(windowsShown(shown, secret)).toEqual([]);
          expect(shown).toContain("[secret]");
          // Signs at either end stay, and so do their escapes, which the value may have in its middle.
          const value = secret.replaceAll(/^[^0-9a-z]+|[^0-9a-z]+$/gi, "");
          if (perCharacter) expect(shown).not.toContain(spell(value, "", ""));
          else expect(windowsShown(shown, spell(secret, "", ""))).toEqual([]);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("made of signs leaves in none of its escapes", () => {
    const secret = `!"#$%&'()*+,-./:;<=>?@`;
    const redactor = redactorOf(secret);
    const json = JSON.stringify(secret).slice(1, -1);
    for (const text of [secret, json, Bun.escapeHTML(secret), encodeURIComponent(secret), btoa(`user:${secret}`)]) {
      expect(redactor.outgoing(`<${text}>`)).toContain("[secret]");
      expect(redactor.outgoing(`<${text}>`)).not.toContain(text);
    }
  });

  test.each<[what: string, spell: (text: string) => string]>([
    ["as it is", (text) => text],
    ["in hexadecimal", (text) => Buffer.from(text).toString("hex")],
    ["in base64", (text) => btoa(text).replace(/=+$/, "")],
  ])("is not told one guessed character after another (%s)", (_, spell) => {
    // A model that can have its own text echoed sees what is taken out, so a beginning that it can guess must stay.
    const code = "K7Q2-9FGH-3MNP";
    const redactor = redactorOf(uuid);
    redactor.followCodes(() => [code]);
    for (let length = 1; length <= 16; length++) {
      const guess = spell(uuid.slice(0, length));
      expect(redactor.outgoing(`guess ${guess}`)).toBe(`guess ${guess}`);
      expect(redactor.incoming({ tags: [guess] })).toEqual({ tags: [guess] });
    }
    for (const known of [code, code.slice(5), code.slice(5).replaceAll("-", "")]) {
      for (let length = 1; length < known.length; length++) {
        const guess = spell(known.slice(0, length));
        expect(redactor.outgoing(`guess ${guess}`)).toBe(`guess ${guess}`);
      }
    }
  });

  test("is not told by the beginning of a pair whose user's name is known", () => {
    const pair = "a-long-enough-proxy-user-name:s3cret-pa55";
    const redactor = redactorOf(`Basic ${btoa(pair)}`);
    for (let length = 10; length < pair.length; length++) {
      const guess = pair.slice(0, length);
      expect(redactor.outgoing(`guess ${guess}`)).toBe(`guess ${guess}`);
    }
    expect(redactor.outgoing(`proxy ${pair}`)).toBe("proxy [secret]");
  });

  test("leaves no beginning at the end of a text that is too long to be guessed", () => {
    const redactor = redactorOf(uuid);
    for (let length = 28; length < uuid.length; length++) {
      expect(redactor.outgoing(`you sent ${uuid.slice(0, length)}`)).toMatch(/^you sent \[secret\]-?$/);
      expect(redactor.outgoing(`you sent ${uuid.slice(0, length)}...`)).toMatch(/^you sent \[secret\]-?\.\.\.$/);
    }
    expect(redactor.outgoing(`you sent ${uuid.slice(0, 7)}`)).toBe(`you sent ${uuid.slice(0, 7)}`);
  });

  test("of fewer than 8 characters is taken out letter for letter, and of fewer than 4 it stays", () => {
    const shown = redactorOf("hunter2").outgoing("Hunter2 hunter2 hunter-2 aHVudGVyMg==");
    expect(shown).toBe("Hunter2 [secret] hunter-2 aHVudGVyMg==");
    expect(redactorOf("abc", "s", "").outgoing("abcs")).toBe("abcs");
  });

  test("that is a word stays in what is still worked with, and does not leave", () => {
    for (const word of ["running", "password", "production"]) {
      const redactor = redactorOf(word);
      const rows = [{ [word]: word }];
      expect(redactor.incoming(rows)).toEqual([{ [word]: word }]);
      expect(redactor.outgoing(rows)).toEqual([{ [word]: "[secret]" }]);
      expect(redactor.outgoing(`state ${word}`)).toBe("state [secret]");
    }
  });

  test("of a proxy leaves neither as header, nor as user and password, nor as the password alone", () => {
    const pair = "proxy-user:p4ssw0rd-0f-proxy";
    const redactor = redactorOf(`Basic ${btoa(pair)}`);
    for (const text of [btoa(pair), pair, "p4ssw0rd-0f-proxy", "P4SSW0RD-0F-PROXY"]) {
      expect(redactor.outgoing(`407: ${text}.`)).toMatch(/^407: \[secret\](?:==)?\.$/);
    }
  });

  test("stays known when others come", () => {
    const redactor = redactorOf(uuid);
    expect(redactor.outgoing(uuid)).toBe("[secret]");
    redactor.add({ clusters: [{ tokenSecret: new Secret("0ther-5ecret-0f-a-reload") }] });
    expect(redactor.outgoing(`${uuid} 0ther-5ecret-0f-a-reload`)).toBe("[secret] [secret]");
  });
});

test("a long text is read in steps, and a secret that stands across two of them is found", async () => {
  const redactor = redactorOf(uuid);
  for (const at of [0, 65_500, 65_530, 65_536, 131_050, 199_990]) {
    const text = `${"x ".repeat(at / 2)}${uuid}${" x".repeat(100_000)}`;
    const seen: string[] = [];
    const reading = redactor.incomingLong(text).then((shown) => {
      seen.push("read");
      return shown;
    });
    setTimeout(() => seen.push("others"));
    expect(await reading).toBe(text.replace(uuid, "[secret]"));
    expect(seen).toEqual(["others", "read"]);
  }
  expect(await redactor.incomingLong(`cut ${uuid.slice(0, 30)}`)).toBe("cut [secret]");
  expect(await new Redactor().incomingLong(uuid)).toBe(uuid);
});

describe("an answer", () => {
  test("loses secrets in values and keys, at any depth, and nothing else", () => {
    const answer = JSON.parse(
      `{"data":[{"vmid":100,"name":"x ${uuid}","list":["${uuid}",null,1.5,true],"${uuid}":{"__proto__":"${uuid}"}}]}`,
    );
    const shown = redactorOf(uuid).incoming(answer);
    expect(JSON.stringify(shown)).toBe(
      '{"data":[{"vmid":100,"name":"x [secret]","list":["[secret]",null,1.5,true],"[secret]":{"__proto__":"[secret]"}}]}',
    );
  });

  test("nested a million deep is read all the same", () => {
    let nested: unknown = [uuid];
    for (let depth = 0; depth < 1_000_000; depth++) nested = [nested];
    let inner = redactorOf(uuid).incoming(nested) as unknown[];
    while (Array.isArray(inner[0])) inner = inner[0];
    expect(inner).toEqual(["[secret]"]);
  });

  test("with a token that Proxmox has just made passes", () => {
    const made = { "full-tokenid": "mcp@pve!new", value: "7f0c1b52-3a4e-4d2b-9c1f-0a1b2c3d4e5f" };
    expect(redactorOf(uuid).incoming({ ...made })).toEqual(made);
    expect(redactorOf(uuid).outgoing(JSON.stringify(made))).toBe(JSON.stringify(made));
  });

  test("is handed out as a copy: what is kept stays as it was", () => {
    const kept = Object.freeze({ reason: uuid });
    expect(JSON.stringify(redactorOf(uuid).outgoing(kept))).toBe('{"reason":"[secret]"}');
    expect(kept.reason).toBe(uuid);
  });
});

describe("the code of an open question", () => {
  test.each(codeSpellings.map(({ name, spell }) => [name, spell] as const))("does not leave %s", (_, spell) => {
    const shown = redactorOfCodes(code).outgoing(`journal: ${spell(code, "", "")} (warn)`);
    expect(shown).toContain("[consent code]");
    expect(windowsShown(shown, spell("9FGH-3MNP", "", ""))).toEqual([]);
  });

  test("in any text and any spelling is not to be read there", () => {
    const group = fc.stringMatching(/^[2-9A-HJ-NP-Z]{4}$/);
    const codes = fc.tuple(group, group, group).map((groups) => groups.join("-"));
    fc.assert(
      fc.property(codes, around, around, fc.constantFrom(...codeSpellings), (given, before, after, { spell }) => {
        const spelled = spell(given, "", "");
        const shown = redactorOfCodes(given).outgoing(`${before} ${spelled} ${after}`);
        const rest = given.slice(5);
        expect(symbols(shown)).not.toContain(symbols(rest));
        expect(symbols(shown)).not.toContain(symbols([...rest].reverse().join("")));
        expect(shown).not.toContain(spelled);
        expect(shown).toContain("[consent code]");
      }),
      { numRuns: 2000 },
    );
  });

  test("is found without its question's id, whose name alone may be told", () => {
    const redactor = redactorOfCodes(code);
    expect(redactor.outgoing("9FGH-3MNP answers K7Q2")).toBe("[consent code] answers K7Q2");
  });

  test("may be told again once the question is closed", () => {
    let open = [code, "ABCD-2345"];
    const redactor = new Redactor();
    redactor.followCodes(() => open);
    expect(redactor.outgoing(`${code} abcd2345`)).toBe("[consent code] [consent code]");
    open = ["ABCD-2345"];
    expect(redactor.outgoing(`${code} abcd2345`)).toBe(`${code} [consent code]`);
  });
});

test("open codes are asked for once for an answer, however many texts it holds", () => {
  const redactor = redactorOf(uuid);
  let asked = 0;
  redactor.followCodes(() => {
    asked++;
    return ["K7Q2-9FGH-3MNP-4RST"];
  });
  redactor.incoming(Array.from({ length: 1000 }, (_, i) => ({ name: `guest-${i}`, tags: ["a", "b"] })));
  expect(asked).toBe(1);
});

describe("time", () => {
  const texts: Record<string, string> = {
    "of table rows": "100\tpve1\tqemu\trunning\tweb-server-17\t0.0123\n",
    "full of escapes": '{"a\\"b":"%20 &amp; &#x20; \\u0020 %2520"},\\\\\\\\',
    "that begins like the secret everywhere": `${uuid.slice(0, 30)} `,
    "of secrets alone": `${uuid} `,
    "with one letter for a long stretch": "1",
    "of separators within the secret": `${uuid.slice(0, 20)}${" ".repeat(1000)}`,
    "beyond ASCII": "Prüfung 日本語 ９ 𝟗 ",
  };

  test.each(Object.entries(texts))("grows with the length of a text %s, and not faster", async (_, part) => {
    const redactor = redactorOf(uuid, "another-5ecret-0000000000");
    redactor.followCodes(() => [code]);
    const make = (size: number) => part.repeat(Math.ceil(size / part.length)).slice(0, size);
    await expectLinear(make, (text) => redactor.outgoing(text));
  });

  test("is none where nothing is secret: values come back as they are", () => {
    const value = { data: [{ name: uuid }] };
    expect(new Redactor().outgoing(value)).toBe(value);
    expect(new Redactor().incoming(value)).toBe(value);
  });
});
