/**
 * The embedded database: a Postgres with pgvector that Watchpost starts by itself when there is no DATABASE_URL.
 *
 * Other folders import this file only. README.md says why it exists and how a query passes through it.
 */

export { DataDirectoryLocked, passwordFile, type Running, readRunning } from './data-directory.ts';
export { type Embedded, type EmbeddedOptions, startEmbedded } from './supervisor.ts';
