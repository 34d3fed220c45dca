/**
 * Decides which client's batch runs next: many clients share one session.
 *
 * The session is `free`, or `owned` by one client.
 *   free  -> owned  after a client's batch the engine is not idle: a transaction is open, or an extended-protocol sequence
 *                   has not been ended by Sync.
 *   owned -> owned  further batches of the owner run; those of all others wait.
 *   owned -> free   a batch of the owner ends with ReadyForQuery 'I'; or the owner has gone, or was idle for longer than
 *                   the limit and is disconnected, and what it had open is rolled back.
 * While the session is free, clients with batches wait in line: the first runs one batch and goes to the end. Tasks of the
 * server itself (settings from a startup packet, what a client that has gone left behind) run before the line and only
 * while the session is free, so they are never part of a client's transaction.
 *
 * A notification goes to every client that listens at the end of the transaction that sent it, after that transaction's
 * own LISTEN and UNLISTEN have taken effect.
 */

import type { MessageBatch } from './batches.ts';
import type { Connection } from './connection.ts';
import type { Engine } from './engine.ts';
import { cstring, errorResponse, int32, message, readyForQuery } from './protocol.ts';
import type { Notification, Reply } from './reply.ts';
import { SharedSession } from './shared-session.ts';

/** How long batches run before the sockets are read again, in milliseconds. */
const sliceMs = 5;
/** A listener that leaves more bytes than this unread is disconnected. */
const maxUnreadByListener = 64 * 1024 * 1024;

type Task = (session: SharedSession) => Promise<void>;

export class Scheduler {
  readonly #session: SharedSession;
  readonly #clients: ReadonlySet<Connection>;
  readonly #idleMs: number;
  #owner: Connection | undefined;
  readonly #line = new Set<Connection>();
  readonly #tasks: Task[] = [];
  #busy = false;
  #running: Promise<void> | undefined;
  #closed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  /**
   * @param clients all that are connected.
   * @param idleMs how long a client may leave a transaction open and idle, in milliseconds.
   */
  constructor(engine: Engine, clients: ReadonlySet<Connection>, idleMs: number) {
    this.#session = new SharedSession(engine, clients);
    this.#clients = clients;
    this.#idleMs = idleMs;
  }

  /** The client has sent something, can be served again, or is ending. */
  received(client: Connection): void {
    if (client === this.#owner) this.#idleTimer?.refresh();
    this.#queue(client);
    this.#wake();
  }

  /** The client has gone: what it had open is rolled back, and what it left in the session removed. */
  gone(client: Connection): void {
    this.#line.delete(client);
    this.addTask((session) => session.clearUpAfter(client));
  }

  /** Runs a task when no transaction is open. */
  addTask(task: Task): void {
    this.#tasks.push(task);
    this.#wake();
  }

  /** Cancels the next batch of a client that waits. One that runs cannot be cancelled. */
  cancel(client: Connection): void {
    if (client === this.#owner || !client.batches[0]?.complete) return;
    client.takeBatch();
    const report = { code: '57014', message: 'canceling statement due to user request' };
    client.write([errorResponse(report), readyForQuery('I')]);
  }

  /** Finishes what runs at the moment, and runs nothing after it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopIdleTimer();
    await this.#running;
  }

  #queue(client: Connection): void {
    if (client.batches.length > 0 || client.state === 'ending') this.#line.add(client);
  }

  #wake(): void {
    if (this.#closed || this.#busy) return;
    this.#busy = true;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    let since = performance.now();
    for (let step = this.#next(); step && !this.#closed; step = this.#next()) {
      await step();
      if (performance.now() - since < sliceMs) continue;
      await new Promise(setImmediate);
      since = performance.now();
    }
    // Nothing may happen between the last #next() and this, or what arrives meanwhile would never be run.
    this.#busy = false;
  }

  /** What to do next; undefined when there is nothing to do until something arrives. */
  #next(): (() => Promise<void>) | undefined {
    const owner = this.#owner;
    if (owner) {
      const finished = owner.state === 'ending' && owner.batches.length === 0;
      if (owner.state === 'gone' || finished) return () => this.#abandon(owner);
      return owner.batches.length > 0 && !owner.congested ? () => this.#serve(owner) : undefined;
    }
    if (this.#tasks.length > 0) return this.#nextTask();
    for (const client of this.#line) {
      // A congested client gets into the line again when it has read.
      this.#line.delete(client);
      if (client.batches.length === 0 && client.state === 'ending') client.disconnect();
      else if (client.batches.length > 0 && !client.congested) return () => this.#serve(client);
    }
    // A disconnect above adds a task.
    return this.#nextTask();
  }

  #nextTask(): (() => Promise<void>) | undefined {
    const task = this.#tasks.shift();
    return task && (() => task(this.#session));
  }

  async #serve(client: Connection): Promise<void> {
    this.#stopIdleTimer();
    const batch = client.takeBatch();
    if (!batch) return;
    if (!this.#owner) await this.#session.restoreSettings(client);
    const reply = await this.#session.run(client, batch);

    this.#owner = reply.status === 'I' ? undefined : client;
    this.#applyEffects(client, batch, reply);
    const own = this.#deliver(reply.notifications, client);
    const ready = reply.status ? [readyForQuery(reply.status)] : [];
    client.write([...batch.notices, ...reply.pieces, ...own, ...ready]);
    if (!this.#owner && client.settingsChanged) await this.#session.storeSettings(client);
    this.#line.delete(client);
    this.#queue(client);
    if (this.#owner) this.#startIdleTimer(client);
  }

  #applyEffects(client: Connection, batch: MessageBatch, reply: Reply): void {
    if (reply.parameterChanged) client.settingsChanged = true;
    for (const effect of batch.effects) {
      if (effect.kind === 'settings') client.settingsChanged = true;
      else if (effect.kind === 'residue') client.residues.add(effect.what);
      else if (effect.kind === 'deallocate') this.#tasks.push((session) => session.closeDeallocated(client));
      else if (!reply.failed) client.channelChanges.push(effect);
    }
    if (reply.status !== 'I') return;
    if (!reply.rolledBack) {
      for (const change of client.channelChanges) {
        if (change.kind === 'listen') client.channels.add(change.channel);
        else if (change.kind === 'unlisten') this.#unlisten(client, change.channel);
      }
    }
    client.channelChanges = [];
  }

  #unlisten(client: Connection, channel?: string): void {
    const channels = channel === undefined ? [...client.channels] : [channel];
    for (const each of channels) client.channels.delete(each);
    this.#tasks.push((session) => session.unlisten(channels));
  }

  /** Sends notifications to their listeners. Those for `sender` are returned, because they go before its ReadyForQuery. */
  #deliver(notifications: Notification[], sender: Connection): Buffer[] {
    const own: Buffer[] = [];
    for (const { channel, payload } of notifications) {
      const bytes = message('A', int32(sender.pid), cstring(channel), cstring(payload));
      for (const client of this.#clients) {
        if (!client.channels.has(channel)) continue;
        if (client === sender) own.push(bytes);
        else if (client.unreadBytes > maxUnreadByListener) client.disconnect();
        else client.write([bytes]);
      }
    }
    return own;
  }

  /** Rolls back what a client that has gone, or has sent all, left open. */
  async #abandon(owner: Connection): Promise<void> {
    this.#stopIdleTimer();
    await this.#session.rollBack();
    owner.channelChanges = [];
    owner.settingsChanged = true;
    this.#owner = undefined;
    owner.disconnect();
  }

  #startIdleTimer(owner: Connection): void {
    if (this.#closed) return;
    this.#idleTimer = setTimeout(() => {
      if (this.#owner !== owner) return;
      owner.disconnect({
        code: '25P03',
        message: 'terminating connection due to idle-in-transaction timeout',
        hint: `All clients of the embedded database wait for an open transaction; it may be idle for ${this.#idleMs} ms.`,
      });
    }, this.#idleMs);
  }

  #stopIdleTimer(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
  }
}
