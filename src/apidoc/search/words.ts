import { stemmer } from "stemmer";

/** A phrase, and what it is taken for. */
type Phrase =
  | readonly [phrase: RegExp, words: string]
  /** Only where the second pattern follows later; with `both`, its last place is taken out as well. */
  | readonly [phrase: RegExp, words: string, later: RegExp, both?: "both"];

/**
 * Phrases of several words with one meaning. Each pattern is linear; the text between two of them is searched once, as
 * `.*` would be retried from every position.
 */
const phrases: readonly Phrase[] = [
  [/\bvirtual machines?\b/g, "vm"],
  [/\b(?:hard|force)\w*/g, "hard kill stop", /\b(?:off|stop|down)\b/g],
  [/\bpull the plug\b/g, "hard kill stop"],
  [/\bpower cycle\b/g, "powercycle reset"],
  [/\b(?:power|turn|switch|shut)(?:s|ed|ing)? ?(?:it |them )?down\b|\bshut off\b/g, "shutdown"],
  [/\blog(?:s|ged|ging)? ?(?:in|on)\b|\bsign in\b/g, "login"],
  [/\bbr(?:ing|ought)\w*/g, "start", /\bback (?:up|online)\b/g, "both"],
  [/\b(?:without|no|missing|not) (?:an? |any )?(?:back(?:ed)? ?ups?)\b/g, "not backed missing unprotected backup"],
  [/\bback(?:s|ed|ing)? up\b/g, "backup"],
  [/\bsnapshots? (?=(?:before|prior)\b)/g, "take snapshot "],
  [/\btak(?:e|ing)\b/g, "remove", /\bout of\b/g, "both"],
  [/\breset\w*/g, "remove unlock", /\b(?:(?:two|2)[- ]?fa|(?:tfa|mfa|totp|otp|factor)\b)/g],
  [/\b(?:allowed|permitted) to\b/g, "effective permissions"],
  [/\bmy (?:own )?(?:rights|permissions|privileges)\b/g, "effective permissions"],
  [/\bgo(?:ing)? back\b|\broll(?:ing)? back\b/g, "rollback"],
  [/\bhigh(?:ly)?[- ]availab(?:le|ility)\b/g, "ha"],
  [/\b(?:two|2)[- ]?factor(?: auth\w{0,20})?\b|\bsecond factor\b|\b2fa\b|\bmfa\b/g, "tfa"],
  [/\bactive directory\b/g, "ldap activedirectory"],
  [/\blet'?s ?encrypt\b/g, "letsencrypt acme"],
  [/\bcloud[- ]init\b/g, "cloudinit"],
  [/\bguest agent\b|\bqemu agent\b/g, "agent"],
  [/\bname ?servers?\b/g, "dns nameserver"],
  [/\btime ?zone\b/g, "timezone"],
  [/\bhost ?names?\b/g, "hostname"],
  [/\bget(?:ting)? rid of\b/g, "delete"],
  [/\bset(?:ting)? up\b/g, "create"],
  [/\btake away\b/g, "revoke"],
  [/\bctrl[-+ ]alt[-+ ]del(?:ete)?\b/g, "sendkey ctrlaltdel"],
  [/\bwake[- ]on[- ]lan\b/g, "wakeonlan"],
  [/\bip sets?\b/g, "ipset"],
  [/\bmac addresse?s?\b/g, "mac"],
  [
    /\bwhere(?: is|'s| are| does)\b|\b(?:which|what) (?:node|host|server) (?:runs|has|is)\b|\bon (?:which|what) (?:node|host|server)\b/g,
    "locate",
  ],
  [/\b(?:without|no|zero) downtime\b/g, "live online"],
  [/\baccident\w*\b/g, "protection"],
  [
    /\b(?:automatically )?(?:at|on|with|during|after) (?:every |each )?(?:boot|host start|startup)\b/g,
    "autostart onboot",
  ],
  [/\b(?:cd|dvd)s?\b|\b(?:cd|dvd)[- ]?(?:rom|drive)\b/g, "cdrom"],
  [/\bdrop/g, "block", /\b(?:traffic|packets?|connections?|incoming)\b/g],
  [/\b(?:sign|logs?|log) (?:me )?out\b/g, "logout"],
  [/\bopen ?id(?: connect)?\b|\bsingle sign[- ]on\b|\bsso\b/g, "openid sso realm"],
  [/\bip v?4\b/g, "ipv4"],
  [/\bout of\b|\bas well\b/g, " "],
];

/** Words that say nothing about what is meant. */
const noise = new Set(
  "a an and any anything are as at be been by can could did do does down each else for from give given has have how i if in into is it its just me my of off on one onto or our please should so some than that the their them then there these they this those to up us via want was we what when where which while who whose why will with without would you your via within inside proxmox pve api endpoint call".split(
    " ",
  ),
);

/** The words of a text as they are compared: lower case, split at signs, by their stems, without noise. */
export function words(text: string): string[] {
  let plain = text.toLowerCase();
  for (const phrase of phrases) plain = replacePhrase(plain, phrase);
  return rawWords(plain).filter((word) => !noise.has(word));
}

function replacePhrase(text: string, [phrase, said, later, both]: Phrase): string {
  if (later === undefined) return text.replace(phrase, ` ${said} `);
  const last = [...text.matchAll(later)].at(-1);
  if (last === undefined) return text;
  const [before, after] = [text.slice(0, last.index), text.slice(last.index)];
  if (both === undefined) return before.replace(phrase, ` ${said} `) + after;
  const [first] = before.matchAll(phrase);
  if (first === undefined) return text;
  const between = before.slice(first.index + first[0].length);
  return `${before.slice(0, first.index)} ${said} ${between} ${after.slice(last[0].length)}`;
}

/** The same without stems' loss and with the noise kept: `who may log in` begins with a question. */
export function rawWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

/** A word without its grammar: `disks` and `disk`, `resizing` and `resize`. */
export function stem(word: string): string {
  return stemmer(word);
}
