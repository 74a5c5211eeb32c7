import { fstatSync } from "node:fs";
import type { Variables } from "../clusters/variables.ts";

/** The first folder in a variable that systemd sets for `RuntimeDirectory=` or `LogsDirectory=`; colons separate several. */
export function firstFolder(env: Variables, variable: "RUNTIME_DIRECTORY" | "LOGS_DIRECTORY"): string | undefined {
  const [folder = ""] = (env[variable] ?? "").split(":");
  return folder.startsWith("/") ? folder : undefined;
}

/**
 * Whether a file descriptor is connected to systemd's journal: `JOURNAL_STREAM` holds device and inode of the stream
 * (systemd.exec(5)). Child processes inherit the variable with other streams, so the numbers are compared.
 */
export function isJournal(descriptor: number, env: Variables): boolean {
  const stream = env["JOURNAL_STREAM"];
  if (stream === undefined || stream === "") return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return stream === `${dev}:${ino}`;
}
