import { controlPaths, type ServerConsents, serverConsents } from "../control/protocol.ts";
import { questionText } from "../control/question-text.ts";
import { command } from "./command.ts";
import { flagsFor } from "./flags.ts";
import { json } from "./output.ts";
import { askRunning, nameOf } from "./servers.ts";

/** `consents`: what the running servers ask humans, with plans and codes. */
export const consents = command({
  name: "consents",
  description: "list the open consent questions of the running servers, with their plans and codes",
  examples: ["proxmox-mcp consents", "proxmox-mcp consents --json"],
  args: {
    ...flagsFor("MCP_RUNTIME_DIR"),
    json: { type: "boolean", description: "print one JSON document" },
  },
  run: async ({ flags, write }) => {
    const running = await askRunning({ flags, write }, controlPaths.consents, serverConsents);
    if (running === undefined) return 1;
    const { answers, problems } = running;
    if (flags["json"] === true) await write(process.stdout, json({ servers: answers, problems }));
    else await write(process.stdout, textOf(answers));
    return problems.length === 0 ? 0 : 1;
  },
});

/** The questions of each server under its name; the name is left out where there is one server. */
function textOf(answers: readonly ServerConsents[]): string {
  const asking = answers.filter(({ questions }) => questions.length > 0);
  if (asking.length === 0) return `No open questions (${answers.map(({ server }) => nameOf(server)).join(", ")}).`;
  return asking
    .flatMap(({ server, questions }) => [
      ...(answers.length > 1 ? [`${nameOf(server)}:`] : []),
      ...questions.map((question) => questionText(question, process.stdout.columns)),
    ])
    .join("\n\n");
}
