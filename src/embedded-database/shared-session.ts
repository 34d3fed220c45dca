/**
 * The one session of the engine, and what keeps each client's part of it from the others.
 *
 * Settings (SET, RESET, set_config, SET ROLE) are swapped. What a client has changed is read after each statement that may
 * change settings (1.2 ms), and restored when it runs something after another client (0.1 ms). It costs nothing for clients
 * that change no settings.
 *
 * The unnamed prepared statement belongs to the client that parsed it last. A client that uses its own after another's has
 * its Parse repeated.
 *
 * Temporary tables, advisory locks of the session and cursors WITH HOLD are visible to all clients, and removed when the
 * last client that made any has gone. So a session advisory lock excludes no client; pg_advisory_xact_lock does, because
 * transactions run one after another. currval and lastval of sequences, too, are those of the client that ran last.
 */

import type { MessageBatch } from './batches.ts';
import type { Connection } from './connection.ts';
import type { Engine } from './engine.ts';
import { closeStatement, parse, query, sync } from './protocol.ts';
import { Reply } from './reply.ts';
import type { Residue } from './statement-effects.ts';

const changedSettings = `
  select name, setting
  from pg_settings
  where source = 'session' and name not like 'watchpost.ignored%' and name not like 'transaction\\_%'
  union all
  select 'session_authorization', session_user where session_user <> 'postgres'
  union all
  select 'role', current_setting('role') where current_setting('role') <> 'none'
`;

const resetSettings = 'reset session authorization; reset role; reset all;';

const removal: Record<Residue, string> = {
  temporary: 'discard temp',
  advisory: 'select pg_advisory_unlock_all()',
  cursor: 'close all',
};

export class SharedSession {
  readonly #engine: Engine;
  readonly #clients: ReadonlySet<Connection>;
  /** The client whose settings the session has; undefined if they are those of a new session. */
  #settingsOf: Connection | undefined;
  /** The client that parsed the unnamed statement; undefined if a statement of the server's own has replaced it. */
  #unnamedOf: Connection | undefined;

  /** @param clients all that are connected. */
  constructor(engine: Engine, clients: ReadonlySet<Connection>) {
    this.#engine = engine;
    this.#clients = clients;
  }

  /** Runs a batch of a client. */
  async run(client: Connection, batch: MessageBatch): Promise<Reply> {
    const repeat = this.#unnamedOf === client ? undefined : batch.unnamedBefore;
    const reply = new Reply(batch.substitutes, repeat !== undefined);
    await this.#engine.run(Buffer.concat(repeat ? [repeat, ...batch.messages] : batch.messages), reply);
    if (repeat || batch.unnamedAfter === 'own') this.#unnamedOf = client;
    if (batch.unnamedAfter === 'none') this.#unnamedOf = undefined;
    return reply;
  }

  /** Rolls back whatever a client has begun and not finished. */
  async rollBack(): Promise<void> {
    const reply = new Reply();
    // A Sync alone would commit statements that were sent without BEGIN. An error before it undoes them.
    await this.#engine.run(Buffer.concat([parse('', 'watchpost_abandoned'), sync()]), reply);
    if (reply.status !== 'I') await this.#engine.run(query('rollback'), reply);
    this.#unnamedOf = undefined;
  }

  /**
   * Gives a client settings of its own from now on.
   *
   * @returns whether the engine accepts all of them.
   */
  async adopt(client: Connection, settings: ReadonlyMap<string, string>): Promise<boolean> {
    const accepted = await this.#writeSettings(settings);
    this.#settingsOf = client;
    client.settings = await this.#readSettings();
    return accepted;
  }

  /** Restores a client's settings before it runs something. */
  async restoreSettings(client: Connection): Promise<void> {
    if (this.#settingsOf === client) return;
    if (this.#settingsOf === undefined && client.settings.size === 0) return;
    await this.#writeSettings(client.settings);
    this.#settingsOf = client.settings.size > 0 ? client : undefined;
  }

  /** Stores a client's settings after it has run something that may have changed them. */
  async storeSettings(client: Connection): Promise<void> {
    client.settings = await this.#readSettings();
    client.settingsChanged = false;
    this.#settingsOf = client.settings.size > 0 ? client : undefined;
  }

  /** Closes the prepared statements of a client that it has deallocated. */
  async closeDeallocated(client: Connection): Promise<void> {
    await this.#closeStatements(client.builder.prefix, client.builder.liveNames());
  }

  /** Stops the session listening to those of these channels to which no client listens. */
  async unlisten(channels: readonly string[]): Promise<void> {
    const unused = channels.filter((channel) => !this.#some((client) => client.channels.has(channel)));
    if (unused.length > 0)
      await this.#query(unused.map((channel) => `unlisten ${identifier(channel)}`).join(';'));
  }

  /** Removes what a client has left that has gone. */
  async clearUpAfter(client: Connection): Promise<void> {
    if (client.builder.hasPrepared) await this.#closeStatements(client.builder.prefix, new Set());
    await this.unlisten([...client.channels]);
    for (const residue of client.residues) {
      if (!this.#some((other) => other.residues.has(residue))) await this.#query(removal[residue]);
    }
    if (this.#settingsOf === client || client.settingsChanged) {
      await this.#writeSettings(new Map());
      this.#settingsOf = undefined;
    }
  }

  #some(test: (client: Connection) => boolean): boolean {
    return [...this.#clients].some(test);
  }

  /** A simple query, which replaces the unnamed statement. */
  #query(sql: string): Promise<(string | null)[][] | undefined> {
    this.#unnamedOf = undefined;
    return this.#engine.query(sql);
  }

  /** The settings that differ from those of a new session, by name. */
  async #readSettings(): Promise<Map<string, string>> {
    const rows = (await this.#query(changedSettings)) ?? [];
    return new Map(rows.map(([name, value]) => [name!, value ?? '']));
  }

  /**
   * Makes these the only settings that differ from those of a new session.
   *
   * @returns whether all were accepted; if not, none of them is set.
   */
  async #writeSettings(settings: ReadonlyMap<string, string>): Promise<boolean> {
    await this.#query(resetSettings);
    if (settings.size === 0) return true;
    const calls = [...settings].map(
      ([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, false)`,
    );
    return (await this.#query(`select ${calls.join(', ')}`)) !== undefined;
  }

  /** Closes the prepared statements whose names begin with `prefix`, except those in `keep`. */
  async #closeStatements(prefix: string, keep: ReadonlySet<string>): Promise<void> {
    const rows = await this.#query(
      `select name from pg_prepared_statements where starts_with(name, ${literal(prefix)})`,
    );
    const names = (rows ?? []).map(([name]) => name!).filter((name) => !keep.has(name));
    if (names.length > 0) {
      await this.#engine.run(Buffer.concat([...names.map(closeStatement), sync()]), new Reply());
    }
  }
}

const literal = (text: string): string => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
