import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { sourceAt, splitUrl, withoutSecrets } from '../../src/sources/index.ts';
import { sample } from '../support/photos.ts';
import { serve, take } from '../support/video.ts';

const boundary = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' });
const part = (bytes: Buffer) =>
  Buffer.concat([Buffer.from('--frame\r\nContent-Type: image/jpeg\r\n\r\n'), bytes, Buffer.from('\r\n')]);

describe('MJPEG over HTTP', () => {
  it('gives its pictures byte for byte, however they are cut, and also one with a thumbnail', async () => {
    const thumbnail = Buffer.concat([
      Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0x00, 0x08]),
      Buffer.from([0xff, 0xd8, 1, 2, 0xff, 0xd9]),
    ]);
    const withThumbnail = Buffer.concat([thumbnail, sample(2).subarray(2)]);
    const { url } = await serve(async (_, response) => {
      boundary(response);
      for (const picture of [sample(1), withThumbnail, sample(3)]) {
        const bytes = part(picture);
        for (let at = 0; at < bytes.length; at += 7919) response.write(bytes.subarray(at, at + 7919));
      }
      response.end();
    });
    const frames: Buffer[] = [];
    const all = sourceAt(url).frames(
      { rate: 1000, region: null, frameWidth: null, userinfo: null, position: null, camera: 'gate' },
      {
        outgoing: { networks: (await import('../support/video.ts')).loopback.networks },
        signal: new AbortController().signal,
      },
    );
    await expect(
      (async () => {
        for await (const { bytes } of all) frames.push(bytes);
      })(),
    ).rejects.toThrow('The server has ended the stream.');
    // A picture that came right after another one may be left out, as none is due then.
    expect(frames[0]?.equals(sample(1))).toBe(true);
    for (const frame of frames)
      expect([sample(1), withThumbnail, sample(3)].some((one) => one.equals(frame))).toBe(true);
  });

  it('takes no more frames than the camera is to give', async () => {
    let sent = 0;
    const { url } = await serve((request, response) => {
      boundary(response);
      const timer = setInterval(() => {
        sent += 1;
        response.write(part(sample(1)));
      }, 10);
      request.socket.on('close', () => clearInterval(timer));
    });
    const frames = await take(sourceAt(url), 3, { rate: 10 });
    const [first, , last] = frames.map(({ capturedAt }) => capturedAt.getTime());
    expect(last! - first!).toBeGreaterThanOrEqual(100);
    expect(sent).toBeGreaterThan(frames.length);
  });
});

describe('a still picture by HTTP', () => {
  it('is asked for again, and taken when it has changed', async () => {
    let asked = 0;
    const { url } = await serve((_, response) => {
      const picture = [sample(1), sample(1), sample(2), sample(2), sample(3)][asked++] ?? sample(3);
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(picture);
    });
    const frames = await take(sourceAt(url), 3, { rate: 50 });
    expect(frames.map(({ bytes }) => ([1, 2, 3] as const).find((n) => sample(n).equals(bytes)))).toEqual([
      1, 2, 3,
    ]);
  });

  it('is cut to its region, and reduced', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sample(1)),
    );
    const { width, height } = await sharp(sample(1)).metadata();
    const region = { x: 0.25, y: 0.5, width: 0.5, height: 0.5 };
    const [frame] = await take(sourceAt(url), 1, { region, frameWidth: 100 });
    const cut = await sharp(frame!.bytes).metadata();
    expect(cut.width).toBe(100);
    expect(Math.abs(cut.height - (100 * height) / width)).toBeLessThanOrEqual(1);
  });

  it.each(['Basic', 'Digest', 'SHA-256'])(
    'gives user and password where the camera asks for them: %s',
    async (scheme) => {
      const { url } = await serve((request, response) => {
        const { authorization = '' } = request.headers;
        const challenge =
          scheme === 'Basic'
            ? 'Basic realm="camera"'
            : `Digest realm="camera", nonce="abc", qop="auth", opaque="o"${scheme === 'Digest' ? '' : ', algorithm=SHA-256'}`;
        if (authorization === '') response.writeHead(401, { 'www-authenticate': challenge }).end();
        else if (isRight(authorization, scheme))
          response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sample(1));
        else response.writeHead(401).end();
      });
      expect(await take(sourceAt(`${url}/still?channel=1`), 1, { userinfo: 'guard:p%40ss' })).toHaveLength(1);
      await expect(take(sourceAt(`${url}/still?channel=1`), 1, { userinfo: 'guard:wrong' })).rejects.toThrow(
        'The server refuses the user and password, or asks for them.',
      );
    },
  );

  it('says what it is if it is none', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('x'),
    );
    await expect(take(sourceAt(url), 1)).rejects.toThrow(
      'The server answers text/html: neither picture nor video.',
    );
    await expect(take(sourceAt('http://127.0.0.1:9/'), 1)).rejects.toThrow(/cannot be|cannot be used/);
    await expect(take(sourceAt('http://169.254.169.254/'), 1)).rejects.toThrow(/link-local/);
    await expect(take(sourceAt('rtsp://10.0.0.1/stream'), 1)).rejects.toThrow(/private network/);
  });
});

describe('a password', () => {
  it('is taken out of a URL, and of what others say', () => {
    expect(splitUrl('rtsp://guard:p%40ss@camera/x?y=a@b')).toEqual({
      url: 'rtsp://camera/x?y=a@b',
      userinfo: 'guard:p%40ss',
    });
    expect(splitUrl('http://camera/x')).toEqual({ url: 'http://camera/x', userinfo: null });
    const said = "cannot open 'rtsp://guard:p%40ss@camera/x', password p%40ss, p@ss";
    expect(withoutSecrets(said, 'guard:p%40ss')).not.toMatch(/p@ss|p%40ss/);
  });
});

const isRight = (authorization: string, scheme: string): boolean => {
  if (scheme === 'Basic') return authorization === `Basic ${Buffer.from('guard:p@ss').toString('base64')}`;
  const field = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(authorization)?.[1];
  const hash = (text: string) =>
    createHash(scheme === 'Digest' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const middle = `abc:${field('nc')}:${field('cnonce')}:auth`;
  return field('response') === hash(`${hash('guard:camera:p@ss')}:${middle}:${hash('GET:/still?channel=1')}`);
};
