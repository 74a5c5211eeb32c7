/** Resolves with what a promise gives, or with `undefined` when that takes longer than `ms` milliseconds. */
export async function within<T>(ms: number, promised: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ms, undefined);
  return await Promise.race([promised, late.promise]).finally(() => clearTimeout(timer));
}
