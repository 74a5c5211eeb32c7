import { createHash, randomBytes } from "node:crypto";
import { callerName } from "../../config/clusters/schema.ts";
import { ConfigError } from "../../config/error.ts";
import { command } from "../command.ts";

/** `token new`: a token for a caller, and the entry that lets it in. */
export const token = command({
  name: "token",
  description: "make a bearer token for a caller, and its entry for `callers` in clusters.json",
  examples: ["proxmox-mcp token new chat-bot"],
  args: {
    ACTION: { type: "positional", description: "new" },
    NAME: { type: "positional", description: "what the caller is called in clusters.json and in the audit" },
  },
  run: async ({ words: [action = "", name = ""], write }) => {
    if (action !== "new") throw new ConfigError("token: the one thing that it does is `token new NAME`.");
    if (!callerName.test(name)) {
      throw new ConfigError(
        "token new NAME: a name has letters, digits, . _ @ -, at most 63, the first a letter or digit.",
      );
    }
    const secret = randomBytes(32).toString("base64url");
    const entry = { [name]: { token_sha256: createHash("sha256").update(secret).digest("hex"), access: "read-only" } };
    await write(
      process.stdout,
      [
        "The token, which is shown this once. It goes into the client, as the header `Authorization: Bearer TOKEN`:",
        `  ${secret}`,
        'The entry for "callers" in clusters.json, which holds no secret. Its access may be read-only, guarded or full, and "clusters" may list which ones exist for it:',
        JSON.stringify(entry, undefined, 2).replace(/^\{\n|\n\}$/g, ""),
      ].join("\n"),
    );
    return 0;
  },
});
