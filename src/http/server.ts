import { createServer, type Server as HttpServer, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { type ProblemCode, problems, WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { listenOn } from './listening.ts';
import { problemBody } from './problem.ts';
import type { Served } from './services.ts';

/** A listening API. */
interface ApiServer {
  /** For example http://127.0.0.1:3000. */
  readonly url: string;
  /** Stops accepting calls, and resolves when those under way are answered, or were cut off after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

/** Limits of a connection; those of the table in limits.ts unless given. */
export interface ConnectionLimits {
  readonly headersSeconds: number;
  readonly bodySeconds: number;
  readonly silentSeconds: number;
  readonly keepAliveSeconds: number;
  readonly connections: number;
}

/**
 * Starts to listen.
 *
 * @param port 0 for any free port.
 * @param lower limits that a test sets lower.
 * @throws {CommandError} if it cannot listen, for example because the port is taken.
 */
export const startServer = async (
  app: Pick<Hono<Served>, 'fetch'>,
  host: string,
  port: number,
  lower: Partial<ConnectionLimits> = {},
): Promise<ApiServer> => {
  const server = createBoundedServer(app, host, lower);
  await listenOn(server, host, port);
  const address = server.address() as AddressInfo;
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shownHost}:${address.port}`,
    stop: (graceMs = 3_000) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
};

const createBoundedServer = (
  app: Pick<Hono<Served>, 'fetch'>,
  hostname: string,
  {
    headersSeconds = limits.headersSeconds.max,
    bodySeconds = limits.bodySeconds.max,
    silentSeconds = limits.silentSeconds.max,
    keepAliveSeconds = limits.keepAliveSeconds.max,
    connections = limits.connections.max,
  }: Partial<ConnectionLimits>,
): HttpServer => {
  const answers = new WeakMap<Duplex, ServerResponse>();
  const listener = getRequestListener(app.fetch, { hostname });
  const settings = {
    // Node also refuses headers of exactly its limit.
    maxHeaderSize: limits.headerBytes.max + 1,
    headersTimeout: headersSeconds * 1000,
    // For bodies that no route reads; where one does, readBytes ends it earlier.
    requestTimeout: (headersSeconds + bodySeconds) * 1000,
    // Node's default is 30 s.
    connectionsCheckingInterval: Math.min(headersSeconds * 100, 5_000),
    keepAliveTimeout: keepAliveSeconds * 1000,
  };
  const server = createServer(settings, (request, response) => {
    answers.set(request.socket, response);
    const { host } = request.headers;
    // The URL of a call is made of it, by some routes only when they read the body.
    if (host && !URL.canParse(`http://${host}`)) refuseHost(response);
    else void listener(request, response);
  });
  server.maxConnections = connections;
  server.timeout = silentSeconds * 1000;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    refuse(error, socket, answers.get(socket)),
  );
  return server;
};

const refuseHost = (response: ServerResponse): void => {
  const error = new WatchpostError('header_invalid', 'The header Host is no name or address of a host.');
  response
    .writeHead(problems[error.code].status, {
      'content-type': 'application/problem+json',
      connection: 'close',
    })
    .end(problemBody(error));
};

const codes: Record<string, [ProblemCode, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['body_too_slow', 'The call did not arrive in time.'],
  HPE_HEADER_OVERFLOW: [
    'header_invalid',
    `The headers and the address of a call may have ${limits.headerBytes.max} bytes.`,
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    'body_too_large',
    'The chunks of the body are described at too great a length.',
  ],
};

/** Answers bytes that are not a valid HTTP request, unless an answer is being sent, and closes the connection. */
const refuse = (error: NodeJS.ErrnoException, socket: Duplex, answer: ServerResponse | undefined): void => {
  const underWay = answer?.headersSent && !answer.writableFinished;
  if (error.code === 'ECONNRESET' || !socket.writable || underWay) {
    socket.destroy();
    return;
  }
  const [code, words] = codes[error.code ?? ''] ?? ['request_malformed', 'The call is not well-formed HTTP.'];
  const { status } = problems[code];
  const body = problemBody(new WatchpostError(code, words));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => (socket as Socket).destroySoon(),
  );
};
