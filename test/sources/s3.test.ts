import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import S3rver from 's3rver';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourceAt } from '../../src/sources/index.ts';
import { atEnd } from '../support/at-end.ts';
import { sample } from '../support/photos.ts';
import { loopback, plainSettings, serve, take, videoFolder } from '../support/video.ts';

let client: S3Client;
let source: string;
/** The keys that this server knows. */
const userinfo = 'S3RVER:S3RVER';

beforeAll(async () => {
  const { url: endpoint } = await serve(new S3rver({ silent: true, directory: videoFolder() }).callback());
  atEnd(async () => client.destroy());
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: 'frames' }));
  source = `s3://frames/gate/?endpoint=${endpoint}`;
});

const put = (key: string, bytes: Buffer) =>
  client.send(new PutObjectCommand({ Bucket: 'frames', Key: key, Body: bytes }));

describe('a bucket of S3', () => {
  it('gives the objects below its prefix, also those that come, and goes on where it was left', async () => {
    await put('gate/b.jpg', sample(1));
    await put('yard/other.jpg', sample(2));
    const ending = new AbortController();
    const frames = sourceAt(source).frames(
      { ...plainSettings, userinfo },
      { outgoing: loopback, signal: ending.signal },
    );
    const first = (await frames.next()).value!;
    expect(first.bytes.equals(sample(1))).toBe(true);
    expect(first.id).toMatch(/^s3:\/\/frames\/gate\/b.jpg "[0-9a-f]{32}"$/);
    expect(Math.abs(first.capturedAt.getTime() - Date.now())).toBeLessThan(60_000);
    await put('gate/a.jpg', sample(3));
    const second = (await frames.next()).value!;
    expect(second.bytes.equals(sample(3))).toBe(true);
    ending.abort();
    await frames.return(undefined);
    // What was written within a minute before is looked at again: the name of the frame says that it is the same.
    const [again] = await take(sourceAt(source), 1, { userinfo, position: second.position! });
    expect([first.id, second.id]).toContain(again?.id);
    const later = new Date(Date.now() + 120_000).toISOString();
    const none = sourceAt(source).frames(
      { ...plainSettings, userinfo, position: later },
      { outgoing: loopback, signal: AbortSignal.timeout(500) },
    );
    await expect(none.next()).rejects.toThrow();
  });

  it('says what is wrong', async () => {
    await expect(take(sourceAt(source), 1, { userinfo: 'OTHER:wrong' })).rejects.toThrow(
      /InvalidAccessKeyId/,
    );
    await expect(take(sourceAt(source.replace('frames', 'none')), 1, { userinfo })).rejects.toThrow(
      /NoSuchBucket/,
    );
    await expect(take(sourceAt(source), 1)).rejects.toThrow(/needs its keys/);
    await expect(take(sourceAt('s3://x/?endpoint=http://10.0.0.1:9000'), 1, { userinfo })).rejects.toThrow(
      /private network/,
    );
  });
});
