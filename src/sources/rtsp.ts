import { isIPv6 } from 'node:net';
import { addressesOf } from '../outgoing/index.ts';
import { soon, videoFrames } from './ffmpeg.ts';
import { LiveNames, type Source } from './source.ts';

/**
 * A stream of RTSP, over TCP where the camera has it, else over UDP.
 *
 * ffmpeg reads the URL from its standard input, as a list of one file: on its command line everybody on the machine could read
 * the password. The name is resolved and judged here, and ffmpeg is given the address.
 */
export const rtspSource = (text: string): Source => ({
  isLive: true,
  async *frames(settings, { outgoing, signal }) {
    const [, scheme = '', host = '', rest = ''] =
      /^(rtsps?):\/\/(\[[^\]]*\]|[^/?#:]*)(.*)$/i.exec(text) ?? [];
    const isSecure = scheme.toLowerCase() === 'rtsps';
    const [address] = await addressesOf(host.replace(/^\[|\]$/g, ''), isSecure, outgoing);
    const userinfo = settings.userinfo === null ? '' : `${settings.userinfo}@`;
    const url = `${scheme}://${userinfo}${isIPv6(address) ? `[${address}]` : address}${rest}`;
    const names = new LiveNames();
    const list = [
      'ffconcat version 1.0',
      `file '${url.replaceAll("'", "'\\''")}'`,
      'option rtsp_flags prefer_tcp',
      'option timeout 10000000',
    ];
    const protocols = 'pipe,rtp,rtsp,rtsps,tcp,tls,udp,crypto';
    const input = [...soon, '-f', 'concat', '-safe', '0', '-protocol_whitelist', protocols, '-i', 'pipe:0'];
    for await (const { jpeg } of videoFrames({ input, stdin: `${list.join('\n')}\n` }, settings, signal)) {
      const capturedAt = new Date();
      yield { bytes: jpeg, capturedAt, id: names.next(capturedAt) };
    }
  },
});
