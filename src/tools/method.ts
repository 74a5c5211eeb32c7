import { z } from "zod";

/** The API's methods, in whatever letters a model writes them. */
export const methodArgument = z.preprocess(
  (given) => (typeof given === "string" ? given.toUpperCase() : given),
  z.enum(["GET", "POST", "PUT", "DELETE"]),
);
