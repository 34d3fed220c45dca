import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, onServer } from '../support/database.ts';
import { until } from '../support/until.ts';
import { Command, processesWith, type Settings, temporaryFolder, watchpost } from './support.ts';

describe('demo', () => {
  let folder: string;
  let settings: Settings;

  /** On the database of this run: an empty one on the server, or an embedded one that the demo itself starts. */
  beforeAll(async () => {
    folder = await temporaryFolder();
    settings = { WATCHPOST_DATA: folder };
    if (onServer) settings.DATABASE_URL = (await freshDatabase({ empty: true })).url;
  });

  const report = async () => {
    const { code, stdout, stderr } = await watchpost(['demo', '--json'], settings);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    return JSON.parse(stdout);
  };

  it('--json prints one object, with exactly the one alert it should raise, and the same again on the same data', async () => {
    const expected = {
      photos: 5,
      faces: 19,
      matches: 1,
      alerts: [
        {
          person: 'Ada',
          similarity: expect.closeTo(0.73, 1),
          camera: 'demo north gate',
          location: 'North gate',
          photo: 'sample1.jpg',
        },
      ],
      submit_to_alert_ms: expect.any(Number),
      database: expect.stringMatching(onServer ? /^server PostgreSQL \d/ : /^embedded PostgreSQL 1\d/),
    };
    expect(await report()).toEqual(expected);
    expect(await report()).toEqual(expected);
    await until(async () => (await processesWith(folder)).length === 0);
  });

  it('prints each stage as it happens and a table, and stays up with its URL, the place of its key and the psql line until a signal', async () => {
    const demo = new Command(['demo'], settings);
    const [, url] = await demo.says(
      /API +(http:\S+)\n +API key +cat \S+\n +SQL +psql '?postgres:\S+\n +Console +http:\S+\n[\s\S]*Stop with Ctrl-C\./,
    );
    const steps = demo.stderr.match(/^.+ \(.+\) …$/gm) ?? [];
    expect(steps.map((step) => step.split(' (')[0])).toEqual([
      onServer ? 'connecting to the database' : 'starting the embedded database',
      'applying the schema',
      'loading the models',
      'starting the API and a worker',
    ]);
    for (const line of [
      /sample1\.jpg +submitted +by POST/,
      /sample2\.jpg +submitted +by INSERT/,
      /sample6\.jpg +submitted +by command/,
      /sample1\.jpg +detect .*\d ms/,
      /sample1\.jpg +embed .*3 faces.*\d ms/,
      /sample1\.jpg +alert +match\.found → ALERT/,
      /^photo +by +faces +best match +similarity +alert +ms$/m,
      /^sample1\.jpg +POST +3 +Ada +0\.7\d* +ALERT at North gate +\d+$/m,
      /^sample2\.jpg +INSERT +3 +Ada +0\.1\d* +none: .*profile.* +\d+$/m,
    ]) {
      expect(demo.stdout).toMatch(line);
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await demo.stop('SIGINT')).toBe(0);
    await until(async () => (await processesWith(folder)).length === 0);
  });
});
