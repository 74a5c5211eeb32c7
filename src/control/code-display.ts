import { isatty } from "node:tty";
import type { LineQueue } from "../line-queue.ts";
import type { Log } from "../log.ts";
import type { CodeDisplay } from "../policy/consent/code-display.ts";
import { questionText } from "./question-text.ts";

/** The terminal that a server's stderr may be. */
export interface Terminal {
  readonly columns: number | undefined;
  /** Writes a text with a line end. */
  write(text: string): void;
}

/**
 * Shows consent codes over the control socket, and on stderr where that is a terminal; anything else that stderr can be
 * (systemd's journal, a client's log file, a container's log) may be read by a model.
 * @param isSocketOpen whether the control socket is open at this moment.
 * @param terminal the one that stderr is, if it is one.
 */
export function codeDisplay(
  isSocketOpen: () => boolean,
  log: Pick<Log, "info">,
  terminal: Terminal | undefined,
): CodeDisplay {
  return {
    get how() {
      if (isSocketOpen()) return "`proxmox-mcp consents` on the machine of this server";
      return terminal === undefined ? undefined : "this server's terminal";
    },
    announce(question) {
      if (terminal === undefined) log.info(`Question ${question.id} waits for a human.`);
      else terminal.write(questionText(question, terminal.columns));
    },
  };
}

/** The terminal on stderr, if there is one. Writes are queued, so Ctrl-S in it does not block the server. */
export function stderrTerminal(lines: LineQueue): Terminal | undefined {
  if (!isatty(2)) return undefined;
  return {
    get columns() {
      return process.stderr.columns;
    },
    write: (text) => lines.write(text),
  };
}
