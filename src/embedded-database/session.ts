/**
 * What clients leave in the session they share, and how one does not see another's.
 *
 * Settings (SET, RESET, set_config, SET ROLE) are swapped: a client's differences from a fresh session are
 * read after each statement that may change them (1.2 ms), and put in place when a client that has any takes
 * its turn after another (0.1 ms). Clients that change no settings pay nothing.
 *
 * Temporary tables, session advisory locks and cursors WITH HOLD are visible to all and removed when the
 * last client that made any has gone. An advisory lock of the session excludes no one, for they all are
 * the same session: pg_advisory_xact_lock does, because transactions take turns. Sequences' currval and
 * lastval, too, are those of whoever came last.
 */

import type { Engine } from './engine.ts';
import type { Residue } from './inspect.ts';
import { closeStatement, sync } from './protocol.ts';
import { Reply } from './reply.ts';

const CHANGED_SETTINGS = `
  SELECT name, setting
    FROM pg_settings
   WHERE source = 'session'
     AND name NOT LIKE 'watchpost.ignored%'
     AND name NOT LIKE 'transaction\\_%'
   UNION ALL
  SELECT 'session_authorization', session_user
   WHERE session_user <> 'postgres'
   UNION ALL
  SELECT 'role', current_setting('role')
   WHERE current_setting('role') <> 'none'
`;

const FRESH_SETTINGS = 'RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;';

const REMOVE: Record<Residue, string> = {
  temporary: 'DISCARD TEMP',
  advisory: 'SELECT pg_advisory_unlock_all()',
  cursor: 'CLOSE ALL',
};

function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** A name as SQL, whatever is in it. */
function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The session's settings that differ from a fresh one's, by name. */
export async function readSettings(engine: Engine): Promise<Map<string, string>> {
  const rows = (await engine.query(CHANGED_SETTINGS)) ?? [];
  return new Map(rows.map(([name, value]) => [name!, value ?? '']));
}

/**
 * Makes these the only settings that differ from a fresh session's.
 *
 * @returns whether all were accepted; if not, the session is as fresh
 */
export async function writeSettings(engine: Engine, settings: ReadonlyMap<string, string>): Promise<boolean> {
  await engine.query(FRESH_SETTINGS);
  if (settings.size === 0) return true;
  const calls = [...settings].map(
    ([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, false)`,
  );
  return (await engine.query(`SELECT ${calls.join(', ')}`)) !== undefined;
}

/** Closes the prepared statements whose names begin with `prefix`, except those in `keep`. */
export async function closeStatements(engine: Engine, prefix: string, keep: Set<string>): Promise<void> {
  const rows = await engine.query(
    `SELECT name FROM pg_prepared_statements WHERE starts_with(name, ${literal(prefix)})`,
  );
  const names = (rows ?? []).map(([name]) => name!).filter((name) => !keep.has(name));
  if (names.length) await engine.run(Buffer.concat([...names.map(closeStatement), sync()]), new Reply());
}

/** Stops the session listening to channels no client listens to. */
export async function unlisten(engine: Engine, channels: string[]): Promise<void> {
  await engine.query(channels.map((channel) => `UNLISTEN ${identifier(channel)}`).join(';'));
}

export async function removeResidue(engine: Engine, what: Residue): Promise<void> {
  await engine.query(REMOVE[what]);
}
