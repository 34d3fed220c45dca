import { addressesOf } from '../outgoing/index.ts';
import { soon, videoFrames } from './ffmpeg.ts';
import { openRelay } from './relay.ts';
import { LiveNames, type Source, SourceError } from './source.ts';

/**
 * A stream of RTSP: rtsp over TCP where the camera has it, else over UDP; rtsps over TLS only, whose certificate is verified, or
 * known by its fingerprint: rtsps://camera.example/stream#sha256=….
 *
 * ffmpeg reads the URL from its standard input, as a list of one file: on its command line everybody on the machine could read
 * the password. The name is resolved and judged here, the connection is made here, and ffmpeg is given a relay to it.
 */
export const rtspSource = (text: string): Source => ({
  isLive: true,
  async *frames(settings, { outgoing, signal }) {
    const [, scheme = '', place = '', port = '', path = '', fingerprint] =
      /^(rtsps?):\/\/(\[[^\]]*\]|[^:/?#]*)(:\d+)?([^#]*)(?:#sha256=(.*))?$/i.exec(text) ?? [];
    const host = place.replace(/^\[|\]$/g, '');
    const isSecure = scheme.toLowerCase() === 'rtsps';
    const [address] = await addressesOf(host, isSecure, outgoing);
    const relay = await openRelay(
      { isSecure, host, address, port: Number(port.slice(1)) || (isSecure ? 322 : 554), fingerprint },
      signal,
    );
    const userinfo = settings.userinfo === null ? '' : `${settings.userinfo}@`;
    const url = `rtsp://${userinfo}127.0.0.1:${relay.port}${path}`;
    const names = new LiveNames();
    const list = [
      'ffconcat version 1.0',
      `file '${url.replaceAll("'", "'\\''")}'`,
      isSecure ? 'option rtsp_transport tcp' : 'option rtsp_flags prefer_tcp',
      'option timeout 10000000',
    ];
    const protocols = isSecure ? 'pipe,rtp,rtsp,tcp' : 'pipe,rtp,rtsp,tcp,udp';
    const input = [...soon, '-f', 'concat', '-safe', '0', '-protocol_whitelist', protocols, '-i', 'pipe:0'];
    try {
      for await (const { jpeg } of videoFrames({ input, stdin: `${list.join('\n')}\n` }, settings, signal)) {
        const capturedAt = new Date();
        yield { bytes: jpeg, capturedAt, id: names.next(capturedAt) };
      }
      // ffmpeg takes a camera that goes away for the end of its video.
      if (!signal.aborted) throw new SourceError('The camera has ended the stream.');
    } finally {
      relay.close();
    }
  },
});
