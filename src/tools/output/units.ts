import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";

/** Bytes as people read them: `23.5 GiB`. Proxmox sometimes sends numbers as strings; what is no number gives nothing. */
export function bytes(value: unknown): string | undefined {
  const number = numeric(value);
  return number === undefined ? undefined : prettyBytes(number, { binary: true, maximumFractionDigits: 1 });
}

/** Bytes in few characters, for tables of hundreds of rows: `512M`, `23.5G`, `8G`. */
export function compactBytes(value: unknown): string | undefined {
  const number = numeric(value);
  if (number === undefined) return undefined;
  const power = number < 1024 ? 0 : Math.min(Math.floor(Math.log2(number) / 10), 5);
  const amount = number / 1024 ** power;
  return `${amount < 100 ? Number(amount.toFixed(1)) : Math.round(amount)}${["B", "K", "M", "G", "T", "P"][power]}`;
}

/** Seconds in few characters, in one unit: `45s`, `3h`, `12d`; 0 gives nothing. */
export function compactDuration(seconds: unknown): string | undefined {
  const number = numeric(seconds);
  if (number === undefined || number === 0) return undefined;
  const [unit, size] = (
    [
      ["d", 86_400],
      ["h", 3600],
      ["m", 60],
    ] as const
  ).find(([, least]) => number >= least) ?? ["s", 1];
  return `${Math.floor(number / size)}${unit}`;
}

/** A part of a whole in whole percent: `46%`. */
export function percentOf(part: unknown, whole: unknown): string | undefined {
  const [some, all] = [numeric(part), numeric(whole)];
  return some === undefined || all === undefined || all === 0 ? undefined : `${Math.round((some / all) * 100)}%`;
}

/** A part of a whole, with the whole: `7.7% of 23.5 GiB`. */
export function usage(used: unknown, total: unknown): string | undefined {
  const [part, whole] = [numeric(used), numeric(total)];
  if (part === undefined || whole === undefined || whole === 0) return undefined;
  return `${percent(part / whole)} of ${bytes(whole)}`;
}

/** CPU load, which Proxmox gives as a fraction of all cores: `2.1% of 8`. */
export function load(cpu: unknown, cores: unknown): string | undefined {
  const [fraction, count] = [numeric(cpu), numeric(cores)];
  return fraction === undefined || count === undefined ? undefined : `${percent(fraction)} of ${count}`;
}

/** Seconds as people read them, in two units: `1h 15m`. A stopped guest's 0 gives nothing. */
export function uptime(seconds: unknown): string | undefined {
  const number = numeric(seconds);
  // What is too much for milliseconds was never a time.
  if (number === undefined || number === 0 || !Number.isSafeInteger(Math.floor(number * 1000))) return undefined;
  const whole = number < 60 ? number : Math.floor(number / 60) * 60;
  return prettyMilliseconds(whole * 1000, { unitCount: 2, secondsDecimalDigits: 0 });
}

/** How long something took or is ago, in seconds: `1h 15m`, `under 1s`. */
export function duration(seconds: number): string {
  return seconds < 1 ? "under 1s" : (uptime(seconds) ?? "");
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)}%`;
}

function numeric(value: unknown): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
