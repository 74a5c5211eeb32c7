import { cleanEnvironment, productCommand } from "./product.ts";

/** What a command showed on its terminal, and its exit code. */
export interface TerminalRun {
  readonly text: string;
  readonly code: number;
}

/**
 * Runs the product on a pseudo-terminal of 200 columns.
 * @param answer called once when the text so far ends in a prompt (`: ` or `] `); what it gives is typed, `undefined`
 * ends the input (Ctrl-D).
 */
export async function runOnTerminal(
  args: readonly string[],
  env: Record<string, string>,
  answer: (shown: string) => Promise<string | undefined>,
): Promise<TerminalRun> {
  let text = "";
  let isAnswered = false;
  const decoder = new TextDecoder();
  const child = Bun.spawn([...productCommand(), ...args], {
    env: cleanEnvironment({ TERM: "dumb", ...env }),
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, chunk) {
        text += decoder.decode(chunk, { stream: true });
        if (isAnswered || !/[:\]] $/.test(text)) return;
        isAnswered = true;
        void answer(text).then((typed) => terminal.write(typed === undefined ? "\x04" : `${typed}\n`));
      },
    },
  });
  const code = await child.exited;
  return { text: text.replaceAll("\r\n", "\n"), code };
}
