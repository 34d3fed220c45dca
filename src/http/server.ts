import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import type { Hono } from 'hono';
import { CommandError } from '../errors.ts';
import type { Served } from './app.ts';

/** A listening API. */
export interface Server {
  /** For example http://127.0.0.1:3000. */
  readonly url: string;
  /** Takes no new calls and resolves when the running ones are answered, or cut off after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Listens.
 *
 * @param port 0 takes a free one.
 * @throws {CommandError} if it can not, for one because the port is taken, saying what to do.
 */
export const startServer = async (app: Hono<Served>, host: string, port: number): Promise<Server> => {
  const server = await new Promise<ServerType>((resolve, reject) => {
    const listening = serve({ fetch: app.fetch, hostname: host, port }, () => resolve(listening));
    listening.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === 'EADDRINUSE'
            ? `Port ${port} on ${host} is taken: stop what listens there, or set PORT to another one.`
            : `The API can not listen on ${host}, port ${port}: ${error.message}. Set HOST and PORT to others.`,
          { cause: error },
        ),
      ),
    );
  });
  const address = server.address() as AddressInfo;
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shownHost}:${address.port}`,
    stop: (graceMs = 3_000) =>
      new Promise((resolve) => {
        const cut = setTimeout(
          () => 'closeAllConnections' in server && server.closeAllConnections(),
          graceMs,
        );
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        if ('closeIdleConnections' in server) server.closeIdleConnections();
      }),
  };
};
