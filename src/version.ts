import manifest from "../package.json" with { type: "json" };

/** This server's version, `0.1.0`. */
export const version = manifest.version;
