import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";

/** Bytes as people read them: `23.5 GiB`. Proxmox sometimes sends numbers as strings; what is no number gives nothing. */
export function bytes(value: unknown): string | undefined {
  const number = numeric(value);
  return number === undefined ? undefined : prettyBytes(number, { binary: true, maximumFractionDigits: 1 });
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
  if (number === undefined || number === 0) return undefined;
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
