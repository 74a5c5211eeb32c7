/**
 * Why this server itself ends a call, as the reason of an abort signal: errors and the audit then name it instead of the
 * caller. The message is a clause: `the server stopped`.
 */
export class Cancellation extends Error {
  override readonly name = "Cancellation";
}
