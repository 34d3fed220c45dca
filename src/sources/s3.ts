import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { limits } from '../limits.ts';
import { addressesOf, causeOf, type Outgoing } from '../outgoing/index.ts';
import { reduced } from './reduce.ts';
import { credentialsOf, type Source, SourceError, type SourceSettings } from './source.ts';

/** Milliseconds between two looks into the bucket. */
const everyMs = 2_000;
/** An object may appear later than another one that was written after it, but not much. */
const overlapMs = 60_000;

/** An object as it is listed. */
interface Listed {
  readonly key: string;
  readonly etag: string;
  readonly modified: Date;
}

/**
 * The objects of a bucket below a prefix, those that are there and those that come, in the order in which they were written:
 * s3://bucket/prefix, with ?endpoint=https://… for another service than Amazon's, and &region=…. An object's time is when it was
 * written. Objects stay where they are.
 */
export const s3Source = (text: string): Source => ({
  isLive: false,
  async *frames(settings, { outgoing, signal }) {
    const { client, bucket, prefix } = await open(text, settings, outgoing);
    try {
      const { GetObjectCommand } = await import('@aws-sdk/client-s3');
      /** Those of the overlap that were taken. */
      const taken = new Map<string, Date>();
      for (let position = new Date(settings.position ?? 0); ; ) {
        const from = position.getTime() - overlapMs;
        for (const [name, modified] of taken) if (modified.getTime() < from) taken.delete(name);
        const objects = await list(client, bucket, prefix, from, signal);
        for (const { key, etag, modified } of objects) {
          const id = `s3://${bucket}/${key} ${etag}`;
          if (taken.has(id)) continue;
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
            abortSignal: signal,
          });
          const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
          if (modified > position) position = modified;
          yield {
            bytes: await reduced(bytes, settings).catch(() => bytes),
            capturedAt: new Date(Math.min(modified.getTime(), Date.now())),
            id,
            position: position.toISOString(),
          };
          taken.set(id, modified);
        }
        await sleep(everyMs, undefined, { signal });
      }
    } catch (error) {
      if (error instanceof SourceError || signal.aborted) throw error;
      throw new SourceError(`The bucket cannot be read: ${reasonOf(error)}.`);
    } finally {
      client.destroy();
    }
  },
});

const reasonOf = (error: unknown): string =>
  error instanceof Error && !('code' in error) ? error.name : causeOf(error);

const open = async (text: string, { userinfo }: SourceSettings, outgoing: Outgoing) => {
  const [, bucket = '', path = '', query = ''] = /^s3:\/\/([^/?]+)\/?([^?]*)\??(.*)$/i.exec(text) ?? [];
  const options = new URLSearchParams(query);
  const endpoint = options.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !/^https?:\/\/[^@]+$/.test(endpoint))
    throw new SourceError('The endpoint of the bucket has to be a URL like https://minio.example:9000.');
  const isSecure = !endpoint?.startsWith('http://');
  const lookup: LookupFunction = (host, { all }, done) => {
    addressesOf(host, isSecure, outgoing).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        if (all) done(null, found);
        else done(null, found[0]?.address ?? '', found[0]?.family);
      },
      (error) => done(error, ''),
    );
  };
  // Node resolves no address, so that one that is given is judged here.
  const host = endpoint === undefined ? '' : new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) await addressesOf(host, isSecure, outgoing);
  if (userinfo === null) throw new SourceError('The bucket needs its keys: s3://KEY:SECRET@bucket/prefix.');
  const { user, password } = credentialsOf(userinfo);
  const { S3Client: Client } = await import('@aws-sdk/client-s3');
  const client = new Client({
    region: options.get('region') ?? 'us-east-1',
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    credentials: { accessKeyId: user, secretAccessKey: password },
    requestHandler: {
      httpAgent: new http.Agent({ lookup }),
      httpsAgent: new https.Agent({ lookup }),
      connectionTimeout: 20_000,
      requestTimeout: 30_000,
    },
  });
  return { client, bucket, prefix: decodeURIComponent(path) };
};

/** The objects written since a time, the oldest first. What is larger than a photo may be is left out. */
const list = async (
  client: S3Client,
  bucket: string,
  prefix: string,
  from: number,
  signal: AbortSignal,
): Promise<Listed[]> => {
  const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
  const found: Listed[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
      { abortSignal: signal },
    );
    for (const { Key: key = '', ETag: etag = '', Size: size = 0, LastModified: modified } of page.Contents ??
      [])
      if (modified && modified.getTime() >= from && size > 0 && size <= limits.photoBytes.max)
        found.push({ key, etag, modified });
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found.sort((a, b) => a.modified.getTime() - b.modified.getTime() || (a.key < b.key ? -1 : 1));
};
