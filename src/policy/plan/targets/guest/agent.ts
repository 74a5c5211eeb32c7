import { type Context, type Describer, final } from "../../describer.ts";
import { readTarget } from "../../guest-state.ts";
import { fitsLine, lengthOf } from "../../parameters.ts";
import { nameText, quote } from "../../wording.ts";

/** `POST .../agent/exec`: the command itself where it can be read on one line, else its length. */
export const describeCommand: Describer = async (context) => {
  const { params } = context;
  const state = await readTarget(context);
  const command = params["command"] ?? "";
  const text = commandText(command);
  const fits = fitsLine(text);
  const input = params["input-data"];
  return {
    action: `RUN COMMAND in ${state.label}`,
    undo: final,
    effect: [
      fits ? text : `command of ${lengthOf(command)} characters`,
      ...(input === undefined ? [] : [`input of ${lengthOf(input)} characters`]),
    ],
    details: [...state.lines, "It runs inside the guest with all rights (root or SYSTEM)."],
    words: state.words,
    told: ["command", "input-data"],
    long: !fits || input !== undefined,
  };
};

/** The words of a command, each quoted where a shell's reader could misread it. */
function commandText(command: Context["params"][string]): string {
  const words = [command].flat().map(String);
  return words.map((word) => (/^[\w.:@/+=,-]+$/.test(word) ? word : quote(word))).join(" ");
}

/** `POST .../agent/file-write` and `GET .../agent/file-read`. */
export const describeAgentFile: Describer = async (context) => {
  const { params, method } = context;
  const state = await readTarget(context);
  const file = String(params["file"] ?? "");
  const content = params["content"];
  const isRead = method === "GET";
  const name = /^[\w.:@/+\\-]+$/.test(file) ? file : quote(file);
  return {
    action: `${isRead ? "READ" : "OVERWRITE"} A FILE in ${state.label}`,
    ...(!isRead && { undo: final }),
    effect: [name, ...(content === undefined ? [] : [`new content of ${lengthOf(content)} characters`])],
    details: state.lines,
    words: state.words,
    told: ["file", "content"],
    long: !isRead || !fitsLine(name),
  };
};

/** Any other command of the guest agent. */
export const describeAgentCall: Describer = async (context) => {
  const { params, path, planned } = context;
  const state = await readTarget(context);
  const what = path[5] ?? String(params["command"] ?? "");
  const user = params["username"];
  const isPassword = what === "set-user-password";
  return {
    action: isPassword
      ? `SET PASSWORD of ${nameText(String(user ?? ""))} in ${state.label}`
      : `AGENT ${nameText(what)} in ${state.label}`,
    effect: isPassword ? ["the present password is lost"] : [planned.classified.reason.replace(/^it /, "")],
    details: state.lines,
    words: state.words,
    told: isPassword ? ["username", "password"] : ["command"],
  };
};
