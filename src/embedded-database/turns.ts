/**
 * Whose turn it is: many clients, one backend.
 *
 * The backend is `free`, or `owned` by one client.
 *   free  -> owned  a client's batch runs and the engine is not idle afterwards: a transaction is open, or an
 *                   extended-protocol sequence has not been ended by Sync.
 *   owned -> owned  the owner's further batches run; everyone else's wait.
 *   owned -> free   a batch of the owner ends with ReadyForQuery 'I'; or the owner is gone, or is silent for
 *                   longer than the limit and cut off, and what it had open is rolled back.
 * While the backend is free, clients with work stand in line: the first runs one batch and goes to the end.
 * Chores of the front itself (greeting a client that brings settings, clearing up after one that has left)
 * run before the line, and only while the backend is free, so that they never are part of a transaction.
 *
 * A notification goes to every client listening at the moment its transaction has ended, after that
 * transaction's own LISTEN and UNLISTEN have taken effect.
 */

import type { Batch } from './assembler.ts';
import type { Connection } from './connection.ts';
import type { Engine } from './engine.ts';
import { cstring, errorResponse, int32, message, parse, query, readyForQuery, sync } from './protocol.ts';
import { type Notification, Reply } from './reply.ts';
import { closeStatements, readSettings, removeResidue, unlisten, writeSettings } from './session.ts';

/** How long the line is served before the sockets are looked at again, in milliseconds. */
const SLICE_MS = 5;
/** A listener that leaves this much unread, in bytes, is cut off. */
const DEAF_BYTES = 64 * 1024 * 1024;

type Chore = () => Promise<void>;

export class Turns {
  readonly #engine: Engine;
  readonly #clients: ReadonlySet<Connection>;
  readonly #idleMs: number;
  #owner: Connection | undefined;
  readonly #line = new Set<Connection>();
  readonly #chores: Chore[] = [];
  #busy = false;
  #running: Promise<void> | undefined;
  #closed = false;
  #idleTimer: NodeJS.Timeout | undefined;
  /** whose settings the session has; undefined: no one's */
  #settingsOf: Connection | undefined;
  /** who parsed the unnamed statement the session has */
  #unnamedOf: Connection | undefined;

  /**
   * @param clients all that are connected
   * @param idleMs how long a client may leave a transaction open without a word, in milliseconds
   */
  constructor(engine: Engine, clients: ReadonlySet<Connection>, idleMs: number) {
    this.#engine = engine;
    this.#clients = clients;
    this.#idleMs = idleMs;
  }

  /** The client has sent something, can be served again, or is ending. */
  heard(client: Connection): void {
    if (client === this.#owner) this.#idleTimer?.refresh();
    if (client.batches.length > 0 || client.state === 'ending') this.#line.add(client);
    this.#wake();
  }

  /** The client is gone: whatever it had open or left behind goes, too. */
  gone(client: Connection): void {
    this.#line.delete(client);
    this.#chores.push(() => this.#clearUpAfter(client));
    this.#wake();
  }

  /** Runs `chore` as soon as no transaction is open. */
  chore(chore: Chore): void {
    this.#chores.push(chore);
    this.#wake();
  }

  /**
   * Gives the client settings of its own from now on. Only for use in a chore.
   *
   * @returns whether the engine accepts them
   */
  async adopt(client: Connection, settings: ReadonlyMap<string, string>): Promise<boolean> {
    const accepted = await writeSettings(this.#engine, settings);
    this.#unnamedOf = undefined;
    this.#settingsOf = client;
    client.settings = await readSettings(this.#engine);
    return accepted;
  }

  /** Cancels what the client waits for. What runs cannot be: the engine is not to be interrupted. */
  cancel(client: Connection): void {
    if (client === this.#owner || !client.batches[0]?.complete) return;
    client.takeBatch();
    const report = { code: '57014', message: 'canceling statement due to user request' };
    client.write([errorResponse(report), readyForQuery('I')]);
  }

  /** Ends what runs at the moment and runs nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopIdleTimer();
    await this.#running;
  }

  #wake(): void {
    if (this.#closed || this.#busy) return;
    this.#busy = true;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    let since = performance.now();
    for (let turn = this.#next(); turn && !this.#closed; turn = this.#next()) {
      await turn();
      if (performance.now() - since < SLICE_MS) continue;
      await new Promise(setImmediate);
      since = performance.now();
    }
    // in the same breath as the last look for work, or what comes in between would wait for ever
    this.#busy = false;
  }

  #next(): Chore | undefined {
    const owner = this.#owner;
    if (owner) {
      const finished = owner.state === 'ending' && owner.batches.length === 0;
      if (owner.state === 'gone' || finished) return () => this.#abandon(owner);
      return owner.batches.length > 0 && !owner.congested ? () => this.#serve(owner) : undefined;
    }
    const chore = this.#chores.shift();
    if (chore) return chore;
    for (const client of this.#line) {
      // a congested client stands in line again when it has read
      this.#line.delete(client);
      if (client.batches.length === 0 && client.state === 'ending') client.cutOff();
      else if (client.batches.length > 0 && !client.congested) return () => this.#serve(client);
    }
    return this.#chores.shift();
  }

  async #serve(client: Connection): Promise<void> {
    this.#stopIdleTimer();
    const batch = client.takeBatch();
    if (!batch) return;
    if (!this.#owner) await this.#bringSettings(client);
    const repeat = this.#unnamedOf === client ? undefined : batch.unnamedBefore;
    const reply = new Reply(batch.substitutes, repeat !== undefined);
    await this.#engine.run(Buffer.concat(repeat ? [repeat, ...batch.messages] : batch.messages), reply);
    if (repeat || batch.unnamedAfter === 'own') this.#unnamedOf = client;
    if (batch.unnamedAfter === 'none') this.#unnamedOf = undefined;

    this.#owner = reply.status === 'I' ? undefined : client;
    this.#takeEffects(client, batch, reply);
    const own = this.#deliver(reply.notifications, client);
    const ready = reply.status ? [readyForQuery(reply.status)] : [];
    client.write([...batch.notices, ...reply.pieces, ...own, ...ready]);
    if (!this.#owner && client.settingsChanged) await this.#rememberSettings(client);
    this.#line.delete(client);
    if (client.batches.length > 0 || client.state === 'ending') this.#line.add(client);
    if (this.#owner) this.#limitIdleness(client);
  }

  #takeEffects(client: Connection, batch: Batch, reply: Reply): void {
    if (reply.parameterChanged) client.settingsChanged = true;
    for (const effect of batch.effects) {
      if (effect.kind === 'settings') client.settingsChanged = true;
      else if (effect.kind === 'residue') client.residues.add(effect.what);
      else if (effect.kind === 'deallocate') this.#chores.push(() => this.#closeForgotten(client));
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
    for (const left of channels) client.channels.delete(left);
    this.#chores.push(() => this.#forgetChannels(channels));
  }

  /** Sends notifications to their listeners; those for `sender` are returned, to go with its answer. */
  #deliver(notifications: Notification[], sender: Connection): Buffer[] {
    const own: Buffer[] = [];
    for (const { channel, payload } of notifications) {
      const bytes = message('A', int32(sender.pid), cstring(channel), cstring(payload));
      for (const client of this.#clients) {
        if (!client.channels.has(channel)) continue;
        if (client === sender) own.push(bytes);
        else if (client.unread > DEAF_BYTES) client.cutOff();
        else client.write([bytes]);
      }
    }
    return own;
  }

  #stopIdleTimer(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  #limitIdleness(owner: Connection): void {
    if (this.#closed) return;
    this.#idleTimer = setTimeout(() => {
      if (this.#owner !== owner) return;
      owner.cutOff({
        code: '25P03',
        message: 'terminating connection due to idle-in-transaction timeout',
        hint: `All clients of the embedded database wait for an open transaction; it may be idle for ${this.#idleMs} ms.`,
      });
    }, this.#idleMs);
  }

  /** Rolls back what a client that is gone, or about to be, has left open. */
  async #abandon(owner: Connection): Promise<void> {
    this.#stopIdleTimer();
    const reply = new Reply();
    // A Sync alone would commit statements that came without BEGIN: an error before it undoes them
    await this.#engine.run(Buffer.concat([parse('', 'watchpost_abandoned'), sync()]), reply);
    if (reply.status !== 'I') await this.#engine.run(query('ROLLBACK'), reply);
    this.#unnamedOf = undefined;
    owner.channelChanges = [];
    owner.settingsChanged = true;
    this.#owner = undefined;
    owner.cutOff();
  }

  async #bringSettings(client: Connection): Promise<void> {
    const foreign = this.#settingsOf !== undefined && this.#settingsOf !== client;
    const missing = this.#settingsOf !== client && client.settings.size > 0;
    if (!foreign && !missing) return;
    await writeSettings(this.#engine, client.settings);
    this.#unnamedOf = undefined;
    this.#settingsOf = client.settings.size > 0 ? client : undefined;
  }

  async #rememberSettings(client: Connection): Promise<void> {
    client.settings = await readSettings(this.#engine);
    client.settingsChanged = false;
    this.#unnamedOf = undefined;
    this.#settingsOf = client.settings.size > 0 ? client : undefined;
  }

  async #closeForgotten(client: Connection): Promise<void> {
    await closeStatements(this.#engine, client.assembler.prefix, client.assembler.liveNames());
    this.#unnamedOf = undefined;
  }

  async #forgetChannels(channels: string[]): Promise<void> {
    const listened = (channel: string) => [...this.#clients].some((client) => client.channels.has(channel));
    const silent = channels.filter((channel) => !listened(channel));
    if (silent.length > 0) await unlisten(this.#engine, silent);
    this.#unnamedOf = undefined;
  }

  async #clearUpAfter(client: Connection): Promise<void> {
    if (client.assembler.hasPrepared) await closeStatements(this.#engine, client.assembler.prefix, new Set());
    await this.#forgetChannels([...client.channels]);
    for (const what of client.residues) {
      if (![...this.#clients].some((other) => other.residues.has(what)))
        await removeResidue(this.#engine, what);
    }
    if (this.#settingsOf === client || client.settingsChanged) {
      await writeSettings(this.#engine, new Map());
      this.#settingsOf = undefined;
    }
  }
}
