/**
 * The connection of one client: its socket, its queue of batches, and its part of the session that all clients share.
 *
 * A connection is `starting` until its startup packet has come and, if there is a password, it has said that; then `open`. It is `ending` when the client has sent
 * Terminate or closed its side: what it sent before is still run, as PostgreSQL does. It is `gone` when the socket is
 * closed or the client was disconnected: nothing more is run for it.
 */

import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { BatchBuilder, type MessageBatch } from './batches.ts';
import {
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  cancelRequest,
  fatalResponse,
  gssencRequest,
  MessageReader,
  ProtocolViolation,
  type Report,
  readCString,
  sslRequest,
} from './protocol.ts';
import { ScramExchange, type Verifier } from './scram.ts';
import type { Effect, Residue } from './statement-effects.ts';

/** Nothing is read from a client while more than this waits in its queue. */
const maxQueuedBatches = 100;
const maxQueuedBytes = 8 * 1024 * 1024;
/** Nothing is run for a client while it has this many bytes of answers to read. */
const maxUnreadBytes = 4 * 1024 * 1024;
/** The longest message that a client may send before it has said the password, in bytes: PostgreSQL's own limit. */
const maxPasswordBytes = 65_535;
/** How long a client may take to send its startup packet, and the password, in milliseconds (PostgreSQL's authentication_timeout). */
const startupWithin = 60_000;
/** How long a disconnected client has to read why, in milliseconds. */
const lingerFor = 1_000;
/** Answers below this many bytes are joined into one write. */
const joinBelow = 64 * 1024;

export interface ConnectionEvents {
  /** The client has sent its startup packet, for protocol 3.`minor`. */
  started(connection: Connection, parameters: Map<string, string>, minor: number): void;
  /** The client has sent something: a batch may be complete, or the client may be ending. */
  received(connection: Connection): void;
  /** The client has read enough to be served again. */
  drained(connection: Connection): void;
  /** Nothing more can be done for the client; called once. */
  gone(connection: Connection): void;
  cancelRequested(pid: number, secret: number): void;
}

export class Connection {
  /** The process id of its backend, as the client knows it. */
  readonly pid: number;
  readonly secret = randomInt(2 ** 31);
  readonly builder: BatchBuilder;
  /** Complete batches that have not run. */
  readonly batches: MessageBatch[] = [];
  state: 'starting' | 'open' | 'ending' | 'gone' = 'starting';

  /** Channels that the client listens to. */
  readonly channels = new Set<string>();
  /** LISTEN and UNLISTEN of the current transaction. */
  channelChanges: Effect[] = [];
  /** Settings of the client that differ from those of a new session, by name. */
  settings = new Map<string, string>();
  /** `settings` may be out of date. */
  settingsChanged = false;
  /** What the client has left in the session. */
  readonly residues = new Set<Residue>();

  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #reader: MessageReader;
  readonly #startupTimer: NodeJS.Timeout;
  readonly #verifier: Verifier | undefined;
  /** The exchange of the password, and what was asked for before it. */
  #asking:
    | { exchange: ScramExchange; begun: boolean; parameters: Map<string, string>; minor: number }
    | undefined;
  #queuedBytes = 0;

  /**
   * @param maxMessageBytes a client that announces a longer message is disconnected.
   * @param verifier of the password that every client has to say; undefined: none.
   */
  constructor(
    socket: Socket,
    pid: number,
    maxMessageBytes: number,
    events: ConnectionEvents,
    verifier?: Verifier,
  ) {
    this.#verifier = verifier;
    this.pid = pid;
    this.builder = new BatchBuilder(pid);
    this.#socket = socket;
    this.#events = events;
    this.#reader = new MessageReader(maxMessageBytes);
    this.#startupTimer = setTimeout(() => socket.destroy(), startupWithin).unref();
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => this.#end());
    socket.on('drain', () => events.drained(this));
    // 'close' follows and is handled.
    socket.on('error', () => {});
    socket.on('close', () => this.#leave());
  }

  /** Whether the client has too much to read to be served. */
  get congested(): boolean {
    return this.#socket.writableLength > maxUnreadBytes;
  }

  /** Bytes of answers that the client has not read. */
  get unreadBytes(): number {
    return this.#socket.writableLength;
  }

  /** Takes the next batch from the queue. */
  takeBatch(): MessageBatch | undefined {
    const batch = this.batches.shift();
    this.#queuedBytes -= batch?.size ?? 0;
    if (this.#socket.isPaused() && !this.#queueFull) this.#socket.resume();
    return batch;
  }

  write(pieces: Buffer[]): void {
    if (this.state === 'gone' || pieces.length === 0) return;
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (size < joinBelow) {
      this.#socket.write(Buffer.concat(pieces, size));
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** Closes the connection, with a FATAL error if there is a reason to give. */
  disconnect(report?: Report): void {
    if (this.state === 'gone') return;
    if (report) this.write([fatalResponse(report)]);
    this.#leave();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), lingerFor).unref();
  }

  get #queueFull(): boolean {
    return this.batches.length > maxQueuedBatches || this.#queuedBytes > maxQueuedBytes;
  }

  #leave(): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    clearTimeout(this.#startupTimer);
    this.batches.length = 0;
    this.#events.gone(this);
  }

  #end(): void {
    if (this.state === 'starting') this.disconnect();
    else if (this.state === 'open') {
      this.state = 'ending';
      this.#events.received(this);
    }
  }

  #read(chunk: Buffer): void {
    if (this.state === 'gone' || this.state === 'ending') return;
    this.#reader.push(chunk);
    try {
      while (this.state === 'starting' && (this.#asking ? this.#readPassword() : this.#readStartup()));
      while (this.state === 'open' && this.#readMessage());
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.disconnect(error);
      return;
    }
    // The messages above may have ended it.
    if ((this.state as string) === 'gone') return;
    if (this.#queueFull) this.#socket.pause();
    this.#events.received(this);
  }

  #readMessage(): boolean {
    const bytes = this.#reader.next();
    if (!bytes) return false;
    if (bytes[0] === 'X'.charCodeAt(0)) {
      this.#end();
      return false;
    }
    const batch = this.builder.add(bytes);
    if (batch) {
      this.batches.push(batch);
      this.#queuedBytes += batch.size;
    }
    return true;
  }

  #readStartup(): boolean {
    const packet = this.#reader.nextStartup();
    if (!packet) return false;
    const code = packet.readInt32BE(4);
    if (code === sslRequest || code === gssencRequest) {
      this.#socket.write('N');
      return true;
    }
    if (code === cancelRequest && packet.length === 16) {
      this.#events.cancelRequested(packet.readInt32BE(8), packet.readInt32BE(12));
      this.disconnect();
      return false;
    }
    if (code >> 16 !== 3) throw new ProtocolViolation('0A000', 'only frontend protocol 3 is supported');
    const parameters = new Map<string, string>();
    for (let at = 8; at < packet.length && packet[at] !== 0; ) {
      const name = readCString(packet, at);
      const value = readCString(packet, name.next);
      parameters.set(name.text, value.text);
      at = value.next;
    }
    const minor = code & 0xffff;
    if (this.#verifier === undefined) return this.#open(parameters, minor);
    this.#asking = { exchange: new ScramExchange(this.#verifier), begun: false, parameters, minor };
    this.#socket.write(authenticationSasl());
    return true;
  }

  #open(parameters: Map<string, string>, minor: number): false {
    clearTimeout(this.#startupTimer);
    this.state = 'open';
    this.#events.started(this, parameters, minor);
    return false;
  }

  #readPassword(): boolean {
    const asking = this.#asking!;
    const bytes = this.#reader.next(maxPasswordBytes);
    if (!bytes) return false;
    if (bytes[0] !== 'p'.charCodeAt(0)) throw new ProtocolViolation('08P01', 'expected SASL response');
    if (!asking.begun) {
      const mechanism = readCString(bytes, 5);
      const answer =
        mechanism.text === 'SCRAM-SHA-256'
          ? asking.exchange.begin(bytes.toString('utf8', mechanism.next + 4))
          : undefined;
      if (answer === undefined) throw new ProtocolViolation('08P01', 'the client asks for no SCRAM-SHA-256');
      asking.begun = true;
      this.#socket.write(authenticationSaslContinue(answer));
      return true;
    }
    const proof = asking.exchange.finish(bytes.toString('utf8', 5));
    if (proof === undefined) {
      const user = asking.parameters.get('user') ?? '';
      throw new ProtocolViolation('28P01', `password authentication failed for user "${user}"`);
    }
    this.#socket.write(authenticationSaslFinal(proof));
    return this.#open(asking.parameters, asking.minor);
  }
}
