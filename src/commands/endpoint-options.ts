import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EndpointFields } from '../endpoints/new-endpoint.ts';
import { CommandError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Input } from './program/io.ts';
import { seconds, severalSearched, severities } from './program/options.ts';

/** The options of an endpoint that add and set have in common. */

/** What commander makes of them. */
export interface EndpointOptions {
  readonly set?: Readonly<Record<string, string>>;
  readonly credentialFile?: string;
  /** False: --no-title, --no-text. */
  readonly title?: string | false;
  readonly text?: string | false;
  readonly watchlist?: string[];
  readonly minSeverity?: string;
  readonly timeToLive?: number;
}

export const withEndpointOptions = (command: Command): Command =>
  command
    .option('--set <name=value>', 'what the kind has to know, like chat_id=123; may be repeated', setting)
    .option('--credential-file <file>', 'the file with its token, password or key; - is the standard input')
    .option('--title <words>', 'a template for the title of its messages, like "{{person}} at {{camera}}"')
    .option('--text <words>', 'a template for their text')
    .option('--watchlist <name>', 'alerts of this list only; may be repeated', severalSearched)
    .addOption(
      new Option('--min-severity <word>', 'this severity or a higher one (at first: info)').choices(
        severities,
      ),
    )
    .option('--time-to-live <seconds>', 'how old a sighting may be when it is sent (at first: 900)', seconds);

/** The fields that options give, without the settings; those not given are undefined. */
export const fieldsOf = async (stdin: Input, options: EndpointOptions): Promise<EndpointFields> => ({
  credential: await readCredential(stdin, options.credentialFile),
  title_template: options.title === false ? null : options.title,
  text_template: options.text === false ? null : options.text,
  watchlists: options.watchlist,
  min_severity: options.minSeverity,
  time_to_live_seconds: options.timeToLive,
});

/** Collects settings of an endpoint. */
const setting = (given: string, before?: Readonly<Record<string, string>>) => {
  const [, key, value] = /^([a-z_]+)=(.*)$/.exec(given) ?? [];
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError('Give a name and a value, like chat_id=123.');
  return { ...before, [key]: value };
};

/** A credential, without the end of its line. Not an argument, which other users of the machine could read. */
const readCredential = async (stdin: Input, file: string | undefined): Promise<string | undefined> => {
  if (file === undefined) return undefined;
  const read = await (file === '-' ? text(stdin) : readFile(file, 'utf8')).catch((error) => {
    throw new CommandError(`The file of the credential cannot be read: ${error.code}.`);
  });
  const { max } = limits.credentialCharacters;
  const credential = read.trim();
  if (credential === '' || [...credential].length > max)
    throw new CommandError(`A credential has 1 to ${max} characters.`);
  return credential;
};
