import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { Log } from "../log.ts";
import type { CodeDisplay } from "../policy/consent/code-display.ts";
import { questionText } from "./question-text.ts";

/** The terminal that a server's stderr may be. */
export interface Terminal {
  readonly columns: number | undefined;
  write(text: string): void;
}

/**
 * Shows consent codes over the control socket, and on stderr where that is a terminal; anything else that stderr can be
 * (systemd's journal, a client's log file, a container's log) may be read by a model.
 * @param isSocketOpen whether the control socket is open at this moment.
 */
export function codeDisplay(
  isSocketOpen: () => boolean,
  log: Pick<Log, "info">,
  terminal: Terminal | undefined = stderrTerminal(),
): CodeDisplay {
  return {
    get how() {
      if (isSocketOpen()) return "`proxmox-mcp consents` on the machine of this server";
      return terminal === undefined ? undefined : "this server's terminal";
    },
    announce(question) {
      if (terminal === undefined) log.info(`Question ${question.id} waits for a human.`);
      else terminal.write(`${questionText(question, terminal.columns)}\n`);
    },
  };
}

function stderrTerminal(): Terminal | undefined {
  if (!isatty(2)) return undefined;
  return {
    get columns() {
      return process.stderr.columns;
    },
    write(text) {
      try {
        writeSync(2, text);
      } catch {
        // The terminal was closed; that must not end the server.
      }
    },
  };
}
