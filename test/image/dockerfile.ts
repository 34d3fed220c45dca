/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In capitals: `FROM`, `RUN`, … */
  readonly name: string;
  /** `--from=install` as `{ from: 'install' }`. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows, continued lines joined. */
  readonly text: string;
}

/** The instructions of a Dockerfile in their order; comments and empty lines are left out. */
export const readDockerfile = (source: string): Instruction[] =>
  source
    .replace(/^\s*(#.*)?\n/gm, '')
    .replace(/\\\n/g, ' ')
    .trim()
    .split('\n')
    .map((line) => {
      const [, name = '', flags = '', text = ''] = line.match(/^(\S+)\s+((?:--\S+\s+)*)(.*)$/) ?? [];
      const pairs = [...flags.matchAll(/--([^=\s]+)=(\S+)/g)].map(([, flag, value]) => [flag, value]);
      return { name: name.toUpperCase(), flags: Object.fromEntries(pairs), text: text.trim() };
    });
