/** An answer other than 200: thrown by handlers, turned into a response in one place, the router. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly status: number;
  /** Texts per parameter, only on status 400. */
  readonly errors: Readonly<Record<string, string>> | undefined;
  /** Proxmox answers some failures with nothing but a reason phrase. */
  readonly bodiless: boolean;

  constructor(status: number, message: string, more: { errors?: Record<string, string>; bodiless?: boolean } = {}) {
    super(message);
    this.status = status;
    this.errors = more.errors;
    this.bodiless = more.bodiless ?? false;
  }
}

/** What Perl's `die "text\n"` becomes in Proxmox's API: status 500, the text with its newline in the body. */
export function died(message: string): Failure {
  return new Failure(500, `${message}\n`);
}

/** Status 400 with a text per parameter. */
export function refused(errors: Record<string, string>): Failure {
  return new Failure(400, "Parameter verification failed.\n", { errors });
}

/** Status 403; `lacking` is `(path, privilege)` or nothing where Proxmox says no more. */
export function forbidden(lacking = ""): Failure {
  return new Failure(403, `Permission check failed${lacking === "" ? "" : ` ${lacking}`}\n`);
}
