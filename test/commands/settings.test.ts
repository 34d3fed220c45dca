import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parseConnection } from 'pg-connection-string';
import { beforeAll, describe, expect, it } from 'vitest';
import { readConfig, settings } from '../../src/config.ts';
import { hideSecrets } from '../../src/database-url.ts';
import { temporaryFolder, watchpost } from './support.ts';

describe('help', () => {
  it('lists the commands, examples and settings', async () => {
    const { code, stdout } = await watchpost(['--help']);
    expect(code).toBe(0);
    for (const word of [
      'up',
      'work',
      'migrate',
      'submit',
      'camera',
      'person',
      'watchlist',
      'sql',
      'demo',
      'doctor',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${word}\\b`, 'm'));
    }
    expect(stdout).toMatch(/Examples:\n {2}\$ watchpost demo/);
    for (const name of Object.keys(settings.shape)) expect(stdout).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it('is there for each command, with its options', async () => {
    const { code, stdout } = await watchpost(['person', 'add', '--help']);
    expect(code).toBe(0);
    for (const word of ['<name>', '--photo <file>', '--face <number>', '--watchlist <name>']) {
      expect(stdout).toContain(word);
    }
  });
});

describe('an unknown command or option', () => {
  it.each([
    [['submti'], /unknown command 'submti'\n\(Did you mean submit\?\)/],
    [['person', 'ad'], /unknown command 'ad'\n\(Did you mean add\?\)/],
    [['submit', 'x.jpg', '--camra', 'gate'], /unknown option '--camra'\n\(Did you mean --camera\?\)/],
  ])('gets the nearest suggestion: %j', async (args, words) => {
    const { code, stderr } = await watchpost(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/--help/);
  });
});

describe('an invalid value', () => {
  it.each([
    [
      ['watchlist', 'add', 'x', '--threshold', '1.5'],
      /--threshold.*'1.5' is invalid\. Give a number from 0 to 1, or one of loose, default, strict\./,
    ],
    [
      ['watchlist', 'add', 'x', '--severity', 'high'],
      /--severity.*Allowed choices are info, warning, critical\./,
    ],
    [['watchlist', 'add', 'x', '--cooldown', '-1'], /--cooldown.*Give 0 to 31536000 seconds\./],
    [['person', 'add', 'Ada', '--face', '0'], /--face.*Give a whole number from 1 to 1000\./],
    [['submit', 'x.jpg', '--captured-at', 'noon'], /--captured-at.*like 2026-11-23T15:04:05Z/],
    [['camera', 'add', 'gate'], /required option '--location <words>'/],
    [
      ['camera', 'add', 'gate', '--location', 'x', '--faces', 'tiny'],
      /--faces.*Allowed choices are near, automatic, far\./,
    ],
  ])('is named with what would be right, before anything is done: %j', async (args, words) => {
    const { code, stderr } = await watchpost(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(words);
  });
});

describe('settings', () => {
  it('that are wrong are named, all at once, with the valid values', async () => {
    const { code, stdout, stderr } = await watchpost(['up'], {
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      PORT: '70000',
      WATCHPOST_API_KEY: 'too-short-secret',
      WATCHPOST_CONCURRENCY: 'many',
      WATCHPOST_MAX_BODY_MB: '0',
      WATCHPOST_MAX_MEGAPIXELS: '1.5',
      WATCHPOST_YUNET_THRESHOLD: '70%',
      WATCHPOST_LOG: 'loud',
    });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toEqual([
      'Settings come from the environment, and some are wrong:',
      expect.stringMatching(/DATABASE_URL: its value is not valid; give a URL like postgres:/),
      '  PORT: "70000" is not valid; give a whole number from 0 to 65535',
      '  WATCHPOST_API_KEY: its value is not valid; give at least 20 characters, or leave it out and one is made',
      '  WATCHPOST_CONCURRENCY: "many" is not valid; give a whole number from 1 to 64',
      '  WATCHPOST_MAX_BODY_MB: "0" is not valid; give a whole number from 1 to 100',
      '  WATCHPOST_MAX_MEGAPIXELS: "1.5" is not valid; give a whole number from 1 to 1000',
      '  WATCHPOST_YUNET_THRESHOLD: "70%" is not valid; give a number from 0.3 to 0.95',
      '  WATCHPOST_LOG: "loud" is not valid; give debug, info, warn, error or silent',
    ]);
    for (const secret of ['hunter2', 'too-short-secret']) expect(stderr).not.toContain(secret);
  });

  it('have defaults that suit a fresh machine, also where they are empty', () => {
    const defaults = readConfig({});
    expect(defaults).toMatchObject({
      databaseUrl: undefined,
      host: '127.0.0.1',
      port: 3000,
      dataDir: join(process.cwd(), '.watchpost'),
      maxBodyBytes: 20 * 1024 * 1024,
      maxPixels: 64_000_000,
      yunet: undefined,
    });
    expect(readConfig({ PORT: '', DATABASE_URL: '', WATCHPOST_DATA: '' })).toEqual(defaults);
  });

  it('refuse a URL that only begins like a valid one', () => {
    expect(() => readConfig({ DATABASE_URL: 'postgres://user:p@ss@[host/db' })).toThrow(/DATABASE_URL/);
  });
});

const thisFile = fileURLToPath(import.meta.url);

describe('a DATABASE_URL', () => {
  const problem = (url: string): string => {
    try {
      readConfig({ DATABASE_URL: url });
      return 'none';
    } catch (error) {
      return (error as Error).message.replace(/^.*\n {2}DATABASE_URL: its value is not valid; /, '');
    }
  };

  it.each([
    ['mysql://ada@host/db', /^give a URL like postgres:/],
    ['postgres://ada:hunter#2@host/db', /%23 for a #/],
    ['postgres://ada:5/hunter2@host/db', /%2F for a \//],
    ['postgres://ada:hunter2@one,two/db', /^it names several hosts.*give the primary/],
    ['postgres://ada:hunter2@one:5432,two:5433/db', /^it names several hosts/],
    ['postgres:///db?host=one,two', /^it names several hosts/],
    [
      'postgres://host/db?sslmode=allow',
      /^sslmode=allow is unknown; give one of disable, no-verify, .*verify-full/,
    ],
    ['postgres://host/db?sslmode=on', /^sslmode=on is unknown/],
    ['postgres://host/db?sslmode=verify-ca&uselibpqcompat=true', /^sslmode=verify-ca needs sslrootcert/],
    [
      'postgres://host/db?sslrootcert=/nonexistent/ca.crt',
      /^sslrootcert=\/nonexistent\/ca\.crt: there is no such file/,
    ],
    ['postgres://host/db?sslrootcert=/', /^sslrootcert=\/: it is a folder/],
    ['postgres://host/db?sslrootcert=system', /^sslrootcert=system: leave it out/],
    [`postgres://host/db?sslrootcert=${thisFile}`, /there is no certificate in PEM form in it/],
    [`postgres://host/db?sslkey=${thisFile}`, /there is no private key in PEM form/],
    ['postgres://ada:hunter2@host:5432/db?sslmode=verify-full', /^none$/],
    ['postgres:///db?host=/var/run/postgresql', /^none$/],
    ['postgresql://ada:p%40ss%2F%23@[::1]:5432/db', /^none$/],
  ])('%s', (url, words) => {
    expect(problem(url)).toMatch(words);
    expect(problem(url)).not.toContain('hunter2');
  });

  it.each([
    ['postgres://ada:hunter2@host:5432/db', 'postgres://ada:***@host:5432/db'],
    ['postgres://:hunter2@host/db', 'postgres://:***@host/db'],
    [
      'postgres://host/db?password=hunter2&sslmode=require',
      'postgres://host/db?password=***&sslmode=require',
    ],
    ['postgres://host/db?a=b&pass%77ord=hunter2', 'postgres://host/db?a=b&pass%77ord=***'],
    ['postgres://host/db?sslpassword=hunter2', 'postgres://host/db?sslpassword=***'],
    [
      'no postgres://a:hunter2@h/d and postgres://b:hunter2@h/d',
      'no postgres://a:***@h/d and postgres://b:***@h/d',
    ],
    ['postgres://host:5432/db?host=/run', 'postgres://host:5432/db?host=/run'],
  ])('is shown without its password: %s', (text, shown) => {
    expect(hideSecrets(text)).toBe(shown);
    expect(hideSecrets(shown)).toBe(shown);
  });
});

describe('an error of a command is one sentence, without a stack and without secrets:', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });

  const refused = async (args: string[], settings: Record<string, string>, words: RegExp): Promise<void> => {
    const { code, stdout, stderr } = await watchpost(args, settings);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  };

  it('work and others without a database', async () => {
    const words =
      /^No database: DATABASE_URL is not set, and no embedded database .*\nStart one with "npm start"/;
    await refused(['work'], { WATCHPOST_DATA: folder }, words);
    await refused(['migrate'], { WATCHPOST_DATA: folder }, words);
  });

  it('a database that does not answer', async () => {
    const DATABASE_URL = 'postgres://ada:hunter2@127.0.0.1:1/watchpost';
    const words =
      /postgres:\/\/ada:\*\*\*@127\.0\.0\.1:1\/watchpost cannot be used\. Nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)\.\nStart/;
    await refused(['up'], { DATABASE_URL, WATCHPOST_DATA: folder }, words);
    await refused(['sql', 'select 1'], { DATABASE_URL }, words);
  });

  it('doctor without a database, with what is well', async () => {
    const { code, stdout } = await watchpost(['doctor'], { WATCHPOST_DATA: folder });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok +node +24\./m);
    expect(stdout).toMatch(/^ok +models +\w/m);
    expect(stdout).toMatch(/^FAIL +database +No database.*\n.*npm start/m);
  });

  it('doctor with models that are missing or changed', async () => {
    const missing = await watchpost(['doctor'], { WATCHPOST_MODELS: folder, WATCHPOST_DATA: folder });
    expect(missing.code).toBe(1);
    expect(missing.stdout).toMatch(/^FAIL +models .*npm run models/m);
    await writeFile(join(folder, 'ultraface-rfb.onnx'), 'other weights');
    const changed = await watchpost(['doctor'], { WATCHPOST_MODELS: folder, WATCHPOST_DATA: folder });
    expect(changed.stdout).toMatch(/^FAIL +models .*sha256 .*npm run models/m);
  });
});

describe('a secret in a file', () => {
  let folder: string;
  const inFile = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  beforeAll(async () => {
    folder = await temporaryFolder();
  });

  it('is the setting, without the line break at its end', async () => {
    const config = readConfig({
      DATABASE_URL_FILE: await inFile('url', 'postgres://ada@db/watchpost\n'),
      DATABASE_PASSWORD_FILE: await inFile('password', 'p@ss/#:%20wörd \r\n'),
      WATCHPOST_API_KEY_FILE: await inFile('key', 'a-key-of-enough-letters\n'),
    });
    expect(config.apiKey).toBe('a-key-of-enough-letters');
    expect(parseConnection(config.databaseUrl ?? '')).toMatchObject({
      user: 'ada',
      password: 'p@ss/#:%20wörd ',
      host: 'db',
      database: 'watchpost',
    });
  });

  it('is of a socket too', async () => {
    const { databaseUrl } = readConfig({
      DATABASE_URL: 'postgres:///w?host=/run&user=ada',
      DATABASE_PASSWORD: 'a&b',
    });
    expect(parseConnection(databaseUrl ?? '')).toMatchObject({ host: '/run', user: 'ada', password: 'a&b' });
  });

  it('that cannot be used is named, without what is in it', async () => {
    const settings = {
      DATABASE_URL: 'postgres://db/watchpost',
      DATABASE_URL_FILE: await inFile('other', 'postgres://x:hunter2@db/watchpost'),
      DATABASE_PASSWORD_FILE: join(folder, 'nothing'),
      WATCHPOST_API_KEY_FILE: await inFile('empty', '\n'),
    };
    const { code, stderr } = await watchpost(['doctor'], settings);
    expect(code).toBe(1);
    expect(stderr).toContain('DATABASE_URL_FILE: DATABASE_URL is set too; give one of them');
    expect(stderr).toContain(
      `DATABASE_PASSWORD_FILE: ${folder}/nothing cannot be read: there is no such file or folder`,
    );
    expect(stderr).toContain(`WATCHPOST_API_KEY_FILE: ${folder}/empty is empty`);
    expect(stderr).not.toContain('hunter2');
    const short = await watchpost(['doctor'], { WATCHPOST_API_KEY_FILE: await inFile('short', 'hunter2') });
    expect(short.stderr).toMatch(/WATCHPOST_API_KEY: its value is not valid; give at least 20/);
    expect(short.stderr).not.toContain('hunter2');
  });
});
