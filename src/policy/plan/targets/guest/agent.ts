import type { Context, Describer } from "../../describer.ts";
import { type GuestState, readTarget } from "../../guest-state.ts";
import { fitsLine, lengthOf } from "../../parameters.ts";
import { nameText, quote } from "../../wording.ts";

/**
 * A guest whose agent is called.
 * @throws {NoEffect} where it is stopped or has no agent configured: Proxmox refuses the call
 * (PVE::QemuServer::Agent, assert_agent_available).
 */
async function readAgent(context: Context): Promise<GuestState> {
  const state = await readTarget(context);
  const { config, label } = state;
  if (state.running === false) throw context.noEffect(`${label} is ${state.power}: its guest agent cannot answer`);
  // With agent=0 a guest that was started with an agent still has it.
  if (config !== undefined && config["agent"] === undefined) {
    throw context.noEffect(`no guest agent is configured for ${label} (agent=1)`);
  }
  return state;
}

/** `POST .../agent/exec`: the command itself where it can be read on one line, else its length. */
export const describeCommand: Describer = async (context) => {
  const { params } = context;
  const state = await readAgent(context);
  const command = params["command"] ?? "";
  const text = commandText(command);
  const fits = fitsLine(text);
  const input = params["input-data"];
  return {
    action: `RUN COMMAND in ${state.label}`,
    effect: [
      fits ? text : `command of ${lengthOf(command)} characters`,
      ...(input === undefined ? [] : [`input of ${lengthOf(input)} characters`]),
    ],
    details: [...state.lines, "It runs inside the guest with all rights (root or SYSTEM)."],
    words: state.words,
    // What is too long for the line makes the plan `long`.
    paraphrased: ["command", "input-data"],
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
  const state = await readAgent(context);
  const file = String(params["file"] ?? "");
  const content = params["content"];
  const isRead = method === "GET";
  const name = /^[\w.:@/+\\-]+$/.test(file) ? file : quote(file);
  return {
    action: `${isRead ? "READ" : "OVERWRITE"} A FILE in ${state.label}`,
    effect: [name, ...(content === undefined ? [] : [`new content of ${lengthOf(content)} characters`])],
    details: state.lines,
    words: state.words,
    paraphrased: ["file", "content"],
    long: !isRead || !fitsLine(name),
  };
};

/** Any other command of the guest agent. */
export const describeAgentCall: Describer = async (context) => {
  const { params, path, planned } = context;
  const state = await readAgent(context);
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
    told: isPassword ? ["username"] : ["command"],
    paraphrased: isPassword ? ["password"] : [],
  };
};
