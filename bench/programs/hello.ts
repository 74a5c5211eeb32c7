import { serveAnnounced } from "./serve.ts";

/** "Hello": the least that a compiled server can be. It answers a constant. */
await serveAnnounced(() => new Response("ok\n"));
