import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** The parts of a run. */
const parts = ['faults', 'failover', 'cameras'] as const;
type Part = (typeof parts)[number];

/** What a run is to do. */
export interface Options {
  readonly images: number;
  readonly seed: number;
  /** SIGKILLs of workers. Those of the API come on top: one to eight of these. */
  readonly kills: number;
  /** Immediate stops and starts of Postgres. */
  readonly restarts: number;
  readonly workers: number;
  /** How long photos are submitted and faults injected, in seconds; then the run waits until all are done. */
  readonly seconds: number;
  /** Heartbeat and rescue are quick, and lasting faults short. */
  readonly short: boolean;
  readonly json: boolean;
  /** The one part to run; undefined: all. */
  readonly only: Part | undefined;
  /** Folder of initdb and pg_ctl; undefined: the PATH, else the newest of the system's installations. */
  readonly pgBin: string | undefined;
  /** Data folder of the Postgres to run; undefined: a new one, removed at the end. */
  readonly pgData: string | undefined;
  /** Its port on 127.0.0.1; 0: a free one. */
  readonly port: number;
  /** A running server instead; it is not restarted then. */
  readonly url: string | undefined;
  /** Where the ledger and the logs of the processes go; kept if it was given or the run fails. */
  readonly folder: string;
  readonly keep: boolean;
}

export const help = `npm run chaos -- [options]

  --json           print one line of JSON on stdout; progress goes to stderr either way
  --images N       photos to submit (2000; short: 240)
  --seed N         of the plan (taken from the clock)
  --kills N        SIGKILLs of workers (110; short: 12)
  --restarts N     immediate stops of Postgres (5; short: 1)
  --workers N      worker processes (4; short: 3)
  --seconds N      how long harm is done (300; short: 42)
  --short          about 60 s in all, with quick heartbeats; for CI
  --only PART      faults: kills, crashes and cuts; failover: a primary that fails over to its replica, in two
                   forms (short: one); cameras: a camera, a broker and bridges; all by default
  --pg-bin DIR     where initdb and pg_ctl are (the PATH, else /usr/lib/postgresql)
  --pg-data DIR    data folder of the Postgres to run (a temporary one)
  --port N         its port on 127.0.0.1 (a free one)
  --url URL        use this running server, do not restart it, and leave out the other parts
  --folder DIR     ledger and logs (a temporary one)
`;

/**
 * Reads the command line.
 *
 * @throws if an option is unknown or no number where one belongs.
 */
export const readOptions = (args: readonly string[]): Options | 'help' => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      only: { type: 'string' },
      images: { type: 'string' },
      seed: { type: 'string' },
      kills: { type: 'string' },
      restarts: { type: 'string' },
      workers: { type: 'string' },
      seconds: { type: 'string' },
      port: { type: 'string' },
      'pg-bin': { type: 'string' },
      'pg-data': { type: 'string' },
      url: { type: 'string' },
      folder: { type: 'string' },
    },
  });
  if (values.help) return 'help';
  const { short, json, url, only } = values;
  const part = parts.find((one) => one === only);
  if (only !== part) throw new Error(`--only takes ${parts.join(', ')}.`);
  const whole = (
    name: 'images' | 'seed' | 'kills' | 'restarts' | 'workers' | 'seconds' | 'port',
    otherwise: number,
  ) => {
    const value = Number(values[name] ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number.`);
    return value;
  };
  return {
    images: whole('images', short ? 240 : 2000),
    seed: whole('seed', Date.now() % 1_000_000),
    kills: whole('kills', short ? 12 : 110),
    restarts: url ? 0 : whole('restarts', short ? 1 : 5),
    workers: whole('workers', short ? 3 : 4),
    seconds: whole('seconds', short ? 42 : 300),
    short,
    json,
    only: part,
    pgBin: values['pg-bin'],
    pgData: values['pg-data'],
    port: whole('port', 0),
    url,
    keep: values.folder !== undefined,
    folder: values.folder ?? join(tmpdir(), `watchpost-chaos-${process.pid}`),
  };
};
