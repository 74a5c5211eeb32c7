import { controlPaths, type ServerConsents, serverConsents } from "../../control/protocol.ts";
import { questionText } from "../../control/question-text.ts";
import { nameOf, serversCommand } from "../servers.ts";

/** `consents`: the open consent questions of the running servers, with plans and codes. */
export const consents = serversCommand({
  name: "consents",
  description: "list the open consent questions of the running servers, with their plans and codes",
  path: controlPaths.consents,
  schema: serverConsents,
  textOf,
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
