import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { atEnd } from './at-end.ts';
import { freePort } from './postgres.ts';
import { ffmpeg, testPicture, videoFolder } from './video.ts';

/** Whether this machine has GStreamer's RTSP server, as .ci/programs unpacks it. */
export const hasRtspServer = spawnSync('gstreamer-python', ['-c', '']).status === 0;
export const needsRtspServer = "(needs GStreamer's RTSP server)";

/** GStreamer's RTSP server: H.264 over TCP only, for guard and `p@ss/word` by Digest; killed when the test file has ended. */
export const startRtspServer = async () => {
  const file = join(videoFolder(), 'gate.mp4');
  ffmpeg(...testPicture(10, 60), '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', file);
  const port = await freePort();
  let child: ChildProcess;
  const start = async () => {
    const script = join(import.meta.dirname, 'rtsp-server.py');
    const started = spawn('gstreamer-python', [script, String(port), file, 'guard', 'p@ss/word'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = started;
    await Promise.race([
      once(started.stdout, 'data'),
      once(started, 'exit').then(() => Promise.reject(new Error('the RTSP server ended'))),
    ]);
  };
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  await start();
  atEnd(kill);
  return { port, start, kill };
};
