import { createServer, type Server } from 'node:net';
import { CommandError } from '../errors.ts';

/**
 * Resolves when a server listens.
 *
 * @param port 0 for any free port.
 * @param setting the environment variable that holds the port.
 * @throws {CommandError} if it cannot, for example because the port is taken.
 */
export const listenOn = (server: Server, host: string, port: number, setting = 'PORT'): Promise<void> =>
  new Promise((resolve, reject) => {
    server.listen(port, host, resolve);
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === 'EADDRINUSE'
            ? `Port ${port} on ${host} is taken: stop what listens there, or set ${setting} to another one.`
            : `It is not possible to listen on ${host}, port ${port}: ${error.message}. Set ${setting === 'PORT' ? 'HOST and PORT' : setting} to others.`,
          { cause: error },
        ),
      ),
    );
  });

/**
 * Finds out whether a server could listen, before anything else is started for it.
 *
 * @throws {CommandError} as `listenOn` does.
 */
export const assertPortFree = async (host: string, port: number, setting = 'PORT'): Promise<void> => {
  if (port === 0) return;
  const server = createServer();
  await listenOn(server, host, port, setting);
  await new Promise((resolve) => server.close(resolve));
};
