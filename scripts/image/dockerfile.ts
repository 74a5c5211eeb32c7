/** What the last stage of a Dockerfile says of the containers made from it. */
export interface Image {
  /** `gcr.io/distroless/base-nossl-debian13:nonroot` */
  readonly base: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  /** Path of the one file that is copied into the image. */
  readonly program: string;
}

const understood = /^(FROM|COPY|ENV|EXPOSE|USER|HEALTHCHECK|ENTRYPOINT|CMD|#.*)( |$)/;

/**
 * Reads a Dockerfile's last stage, so that what is proved is what it says. It understands what ours needs: instructions
 * of one line, commands as JSON lists (a base without a shell runs no others), one file copied from another stage.
 * @throws {Error} that names what is missing or not understood.
 */
export function readDockerfile(text: string): Image {
  const stage = text.split(/^(?=FROM )/m).at(-1) ?? "";
  const strange = stage.split("\n").find((line) => line !== "" && !understood.test(line));
  if (strange !== undefined)
    throw new Error(`The Dockerfile's last stage says what is not understood here: ${strange}`);
  const said = (pattern: RegExp): string => {
    const found = pattern.exec(stage)?.[1];
    if (found === undefined) throw new Error(`The Dockerfile's last stage has no line like ${pattern.source}`);
    return found;
  };
  const list = (pattern: RegExp) => JSON.parse(said(pattern)) as string[];
  return {
    base: said(/^FROM (\S+)$/m),
    env: Object.fromEntries([...stage.matchAll(/^ENV (\w+)=(\S*)$/gm)].map(([, name, value]) => [name, value])),
    uid: Number(said(/^USER (\d+):\d+$/m)),
    gid: Number(said(/^USER \d+:(\d+)$/m)),
    entrypoint: list(/^ENTRYPOINT (\[.*\])$/m),
    command: list(/^CMD (\[.*\])$/m),
    healthCheck: list(/^HEALTHCHECK .*CMD (\[.*\])$/m),
    program: said(/^COPY --from=\S+ \S+ (\/\S+)$/m),
  };
}
