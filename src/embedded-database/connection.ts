/**
 * One client: its socket, what it has asked for and not got yet, and what is its own of the shared session.
 *
 * A connection is `starting` until its startup packet has come, then `open`. It is `ending` once the client
 * has said Terminate or closed its side: what it asked for before is still done, as PostgreSQL does it.
 * It is `gone` when the socket is closed, or the client was cut off: nothing more is done for it.
 */

import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { Assembler, type Batch } from './assembler.ts';
import type { Effect, Residue } from './inspect.ts';
import {
  CANCEL_REQUEST,
  fatalResponse,
  GSSENC_REQUEST,
  MessageReader,
  ProtocolViolation,
  type Report,
  readCString,
  SSL_REQUEST,
} from './protocol.ts';

/** A client is not read from while more than this waits for its turn: batches, bytes. */
const QUEUE_BATCHES = 100;
const QUEUE_BYTES = 8 * 1024 * 1024;
/** A client is served no further while this much of its answers, in bytes, waits for it to read. */
const CONGESTED_BYTES = 4 * 1024 * 1024;
/** How long a client may take to introduce itself, in milliseconds (PostgreSQL's authentication_timeout). */
const STARTUP_MS = 60_000;
/** How long a client that is cut off has to read why, in milliseconds. */
const LAST_WORDS_MS = 1_000;
/** Smaller answers are joined into one write, in bytes. */
const JOIN_BYTES = 64 * 1024;

export interface ConnectionEvents {
  /** the client has introduced itself, by protocol 3.`minor` */
  started(connection: Connection, parameters: Map<string, string>, minor: number): void;
  /** the client has sent something; perhaps a batch is complete, or it is ending */
  heard(connection: Connection): void;
  /** the client has read enough to be served again */
  drained(connection: Connection): void;
  /** nothing more can be done for the client; called once */
  gone(connection: Connection): void;
  cancelRequested(pid: number, secret: number): void;
}

export class Connection {
  /** what the client knows as its backend's process id */
  readonly pid: number;
  readonly secret = randomInt(2 ** 31);
  readonly assembler: Assembler;
  /** complete batches that wait for their turn */
  readonly batches: Batch[] = [];
  state: 'starting' | 'open' | 'ending' | 'gone' = 'starting';

  /** channels the client listens to */
  readonly channels = new Set<string>();
  /** LISTEN and UNLISTEN of the transaction under way */
  channelChanges: Effect[] = [];
  /** settings of the session that differ from a fresh one's, by name */
  settings = new Map<string, string>();
  /** `settings` may be out of date */
  settingsChanged = false;
  readonly residues = new Set<Residue>();

  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #reader: MessageReader;
  readonly #startupTimer: NodeJS.Timeout;
  #queued = 0;

  /** @param maxMessageBytes a client that announces a longer message is cut off */
  constructor(socket: Socket, pid: number, maxMessageBytes: number, events: ConnectionEvents) {
    this.pid = pid;
    this.assembler = new Assembler(pid);
    this.#socket = socket;
    this.#events = events;
    this.#reader = new MessageReader(maxMessageBytes);
    this.#startupTimer = setTimeout(() => socket.destroy(), STARTUP_MS).unref();
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => this.#end());
    socket.on('drain', () => events.drained(this));
    // 'close' follows, and is all there is to do about it
    socket.on('error', () => {});
    socket.on('close', () => this.#leave());
  }

  /** The client does not read as fast as it asks. */
  get congested(): boolean {
    return this.#socket.writableLength > CONGESTED_BYTES;
  }

  /** What of its answers the client has yet to read, in bytes. */
  get unread(): number {
    return this.#socket.writableLength;
  }

  /** The next batch, whose turn has come. */
  takeBatch(): Batch | undefined {
    const batch = this.batches.shift();
    this.#queued -= batch?.size ?? 0;
    if (this.#socket.isPaused() && !this.#crowded) this.#socket.resume();
    return batch;
  }

  write(pieces: Buffer[]): void {
    if (this.state === 'gone' || pieces.length === 0) return;
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (size < JOIN_BYTES) {
      this.#socket.write(Buffer.concat(pieces, size));
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** Ends the connection with a FATAL error, or without a word. */
  cutOff(report?: Report): void {
    if (this.state === 'gone') return;
    if (report) this.write([fatalResponse(report)]);
    this.#leave();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), LAST_WORDS_MS).unref();
  }

  get #crowded(): boolean {
    return this.batches.length > QUEUE_BATCHES || this.#queued > QUEUE_BYTES;
  }

  #leave(): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    clearTimeout(this.#startupTimer);
    this.batches.length = 0;
    this.#events.gone(this);
  }

  #end(): void {
    if (this.state === 'starting') this.cutOff();
    else if (this.state === 'open') {
      this.state = 'ending';
      this.#events.heard(this);
    }
  }

  #read(chunk: Buffer): void {
    if (this.state === 'gone' || this.state === 'ending') return;
    this.#reader.push(chunk);
    try {
      while (this.state === 'starting' && this.#readStartup());
      while (this.state === 'open' && this.#readMessage());
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.cutOff(error);
      return;
    }
    // the messages above may have ended it
    if ((this.state as string) === 'gone') return;
    if (this.#crowded) this.#socket.pause();
    this.#events.heard(this);
  }

  #readMessage(): boolean {
    const bytes = this.#reader.next();
    if (!bytes) return false;
    if (bytes[0] === 'X'.charCodeAt(0)) {
      this.#end();
      return false;
    }
    const batch = this.assembler.add(bytes);
    if (batch) {
      this.batches.push(batch);
      this.#queued += batch.size;
    }
    return true;
  }

  #readStartup(): boolean {
    const packet = this.#reader.nextStartup();
    if (!packet) return false;
    const code = packet.readInt32BE(4);
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
      this.#socket.write('N');
      return true;
    }
    if (code === CANCEL_REQUEST && packet.length === 16) {
      this.#events.cancelRequested(packet.readInt32BE(8), packet.readInt32BE(12));
      this.cutOff();
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
    clearTimeout(this.#startupTimer);
    this.state = 'open';
    this.#events.started(this, parameters, code & 0xffff);
    return false;
  }
}
