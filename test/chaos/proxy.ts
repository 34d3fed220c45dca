import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Something to happen when a statement passes.
 *
 * before: the statement never reaches the database. after: it does, and the answer is lost. answered: the database
 * has answered that it is done (and, outside a transaction, committed), and the answer is held back.
 */
export interface Trap {
  /** Part of a statement or of a prepared statement's name. */
  readonly statement: string;
  readonly moment: 'before' | 'after' | 'answered';
  /** Does it, or returns false: then the bytes pass as if there were no trap. */
  spring(): boolean;
}

/**
 * The network between one process and the database. Its states:
 *
 *   open         bytes pass both ways; a trap may inspect them.
 *   blackholed   connections are accepted, and whatever is sent vanishes silently, both ways. A connection that was
 *                open meanwhile stays dead afterwards, as if a firewall had forgotten it: only the side that gives
 *                up waiting closes it.
 */
export class TcpProxy {
  #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  readonly #traps = new Set<Trap>();
  #blackholed = false;
  /** Counts the blackholes; a connection made before the latest one began is dead. */
  #era = 0;

  /** @param target port of the database on 127.0.0.1. */
  constructor(target: number) {
    this.#target = target;
  }

  /** Listens on a free port of 127.0.0.1 and returns it. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => this.#accept(socket));
      this.#server = server;
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
  }

  /** Leads new connections to another port; those that are open stay with the old one. */
  moveTo(target: number): void {
    this.#target = target;
  }

  set(trap: Trap): void {
    this.#traps.add(trap);
  }

  unset(trap: Trap): void {
    this.#traps.delete(trap);
  }

  /** Discards everything from now on. */
  blackhole(): void {
    this.#blackholed = true;
    this.#era += 1;
  }

  /** Lets new connections through again. */
  open(): void {
    this.#blackholed = false;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
  }

  #accept(client: Socket): void {
    const dead = this.#blackholed;
    const era = this.#era;
    const swallows = () => dead || era !== this.#era;
    let sprung: Trap | undefined;

    this.#sockets.add(client);
    client.on('error', () => {});
    client.setNoDelay(true);
    if (dead) {
      client.resume();
      client.on('close', () => this.#sockets.delete(client));
      return;
    }

    const server = connect(this.#target, '127.0.0.1');
    this.#sockets.add(server);
    server.setNoDelay(true);
    server.on('error', () => {});
    server.on('close', () => {
      this.#sockets.delete(server);
      // A client behind a blackhole does not see that the database has closed the connection.
      if (!swallows()) client.destroy();
    });
    client.on('close', () => {
      this.#sockets.delete(client);
      // Nor does the database see that its client has: it finds out by its own time-outs.
      if (!swallows()) server.destroy();
    });

    client.on('data', (bytes) => {
      if (swallows()) return;
      const trap = [...this.#traps].find((one) => bytes.includes(one.statement));
      if (trap?.moment === 'before' && trap.spring()) return;
      server.write(bytes);
      if (trap?.moment === 'after') setImmediate(() => trap.spring());
      if (trap?.moment === 'answered') sprung = trap;
    });
    server.on('data', (bytes) => {
      if (swallows()) return;
      if (sprung && answers(bytes)) {
        const trap = sprung;
        sprung = undefined;
        if (trap.spring()) return;
      }
      client.write(bytes);
    });
  }
}

/** Whether bytes from the server end with ReadyForQuery: the statement is over, and so is its transaction if idle. */
const answers = (bytes: Buffer): boolean => bytes.length >= 6 && bytes.readUInt8(bytes.length - 6) === 0x5a;
