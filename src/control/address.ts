/** The host name in requests over a control socket; a request with any other was not made by a command. */
export const controlHost = "localhost";

/** Where each answer is found on a control socket. */
export const controlPaths = { status: "/status", consents: "/consents" } as const;
