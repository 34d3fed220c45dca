import { connect, type Socket } from 'node:net';
import { atEnd } from './at-end.ts';

/** A connection on which a test writes HTTP itself. */
export interface RawConnection {
  readonly socket: Socket;
  write(text: string | Uint8Array): void;
  /** What has come so far. */
  readonly said: () => string;
  /** Resolves with all that came when the other side has closed it. */
  readonly closed: Promise<string>;
  /** Resolves when what has come contains this. */
  has(part: string): Promise<void>;
}

/** Connects to a server; closed when the test file has ended. */
export const openRaw = async (url: string): Promise<RawConnection> => {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  atEnd(() => socket.destroy());
  let said = '';
  const listeners = new Set<() => void>();
  socket.setEncoding('latin1').on('data', (text: string) => {
    said += text;
    for (const listener of listeners) listener();
  });
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(said)));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  return {
    socket,
    closed,
    said: () => said,
    write: (text) => {
      socket.write(text);
    },
    has: (part) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (!said.includes(part)) return;
          listeners.delete(check);
          resolve();
        };
        listeners.add(check);
        check();
        void closed.then(() => reject(new Error(`The connection was closed after: ${said}`)));
      }),
  };
};

/** The first answer as it came, with its body as JSON where it is. */
export const readAnswer = (text: string) => {
  const [head = '', rest = ''] = text.split(/\r\n\r\n(.*)/s);
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Headers(lines.map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
  // What follows is the answer to what the server took for another call.
  const body = rest.slice(0, Number(headers.get('content-length') ?? rest.length));
  const isJson = headers.get('content-type')?.includes('json') && headers.has('content-length');
  const status = Number(first.split(' ')[1] ?? 0);
  return { status, headers, body: isJson ? JSON.parse(body) : body, text: body };
};
