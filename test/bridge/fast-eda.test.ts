import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { watchpost } from '../commands/support.ts';
import { programs, startKafkaDouble } from '../support/brokers.ts';
import { freshDatabase } from '../support/database.ts';
import { samplePath } from '../support/photos.ts';
import { enrolAda, realVision, runWorker } from '../support/pipeline.ts';
import { startNode } from '../support/processes.ts';
import { runBridge } from './support.ts';

const folder = new URL('../../examples/fast-eda/', import.meta.url);

describe.skipIf(!programs.kcat)("examples/fast-eda, on librdkafka's double of Kafka (needs kcat)", () => {
  it('photos on the topic image become events on faces.extracted and analyze', async () => {
    const [database, kafka] = await Promise.all([freshDatabase(), startKafkaDouble()]);
    await runWorker(database, await realVision());
    await enrolAda(database);
    const commands = readFileSync(new URL('README.md', folder), 'utf8').matchAll(
      /^npm run watchpost -- ((?:camera|bridge) add .*)$/gm,
    );
    for (const [, line = ''] of commands) {
      const ended = await watchpost(line.replaceAll('127.0.0.1:9092', kafka).split(' '), {
        DATABASE_URL: database.url,
      });
      expect(ended).toMatchObject({ code: 0, stderr: '' });
    }
    runBridge(database);
    const consumer = startNode([new URL('consumer.mjs', folder).pathname], { KAFKA: kafka });
    const producer = startNode([new URL('producer.mjs', folder).pathname, 'gate', samplePath(1)], {
      KAFKA: kafka,
    });
    expect(await producer.ended).toBe(0);
    // Nothing is in order between two topics. Three faces are in the photo.
    await consumer.says(/("watchpost\.face\.detected\.v1"[\s\S]*){3}/);
    await consumer.says(/"watchpost\.match\.found\.v1"/);
    await consumer.says(/"watchpost\.alert\.raised\.v1"/);
    const events = consumer.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { topic: string; type: string; camera?: string; id: string })
      .filter(({ camera }) => camera === 'gate');
    const topicOf = (type: string) =>
      new Set(events.filter((one) => one.type === type).map(({ topic }) => topic));
    expect(topicOf('watchpost.face.detected.v1')).toEqual(new Set(['faces.extracted']));
    expect(topicOf('watchpost.match.found.v1')).toEqual(new Set(['analyze']));
    expect(topicOf('watchpost.alert.raised.v1')).toEqual(new Set(['analyze']));
    expect(events.filter(({ topic }) => topic === 'faces.extracted')).toHaveLength(3);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  });
});
