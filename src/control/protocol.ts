import { z } from "zod";
import { accessLevels } from "../config/types.ts";
import type { OpenQuestion } from "../policy/consent/open-question.ts";

// Apart from the schemas, which only commands need: a server does without the time it takes to build them.
export { controlHost, controlPaths } from "./address.ts";

const serverName = z.object({
  version: z.string(),
  pid: z.number(),
  transport: z.enum(["http", "stdio"]),
  /** Where HTTP clients reach it, `http://127.0.0.1:8000`. */
  url: z.string().optional(),
});

/** Which server answers. */
export type ServerName = z.infer<typeof serverName>;

/** What `/status` answers. Times are in milliseconds, by the server's monotonic clock. */
export const serverStatus = serverName.extend({
  uptimeMs: z.number(),
  clusters: z.array(z.object({ name: z.string(), access: z.enum(accessLevels) })).readonly(),
  /** Open HTTP+SSE streams, and sessions of Streamable HTTP in memory; a stdio server has one client and no sessions. */
  sessions: z.object({ sse: z.number(), streamable: z.number() }).optional(),
  openQuestions: z.number(),
  configuration: z.object({
    /** A file's path, `the environment`, or `the demo`. */
    source: z.string(),
    /** The last time that it was read again; `error` says why the old one stayed. */
    reload: z.object({ agoMs: z.number(), error: z.string().optional() }).optional(),
  }),
});

/** What a running server says about itself. */
export type ServerStatus = z.infer<typeof serverStatus>;

/** JSON leaves a code out that is `undefined`. */
const openQuestion = z
  .object({
    id: z.string(),
    method: z.enum(["form", "code", "two-step"]),
    code: z.string().optional(),
    caller: z.string(),
    client: z.string(),
    cluster: z.string(),
    request: z.string(),
    plan: z.array(z.string()),
    ageMs: z.number(),
    remainingMs: z.number(),
    triesLeft: z.number(),
  })
  .transform(({ code, ...rest }): OpenQuestion => ({ ...rest, code }));

/** What `/consents` answers. */
export const serverConsents = z.object({ server: serverName, questions: z.array(openQuestion).readonly() });

/** The open questions of one server. */
export type ServerConsents = z.infer<typeof serverConsents>;
