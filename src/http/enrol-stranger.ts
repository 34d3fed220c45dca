import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import { type EndedEnrolment, endedEnrolments } from '../intake/index.ts';
import { type Transact, takeBackPerson } from '../watchlist/registry.ts';
import { enrolStranger } from '../watchlist/strangers.ts';

/**
 * Milliseconds for which the call waits for workers. Their faces are detected and embedded already, so where a worker has a
 * slot free this takes a few.
 */
const enrolledWithinMs = 5_000;

/**
 * Makes a stranger a person, and a stranger again if workers refuse every face in the meantime.
 *
 * @param transact a transaction in the name of the caller.
 * @param gone the caller does not wait any more.
 * @returns the person's id: at least one face is enrolled, or not handled yet.
 * @throws {WatchpostError} what enrolStranger throws; the code of the first refusal. Then nobody was added.
 */
export const enrolOrRefuse = async (
  database: Database,
  transact: Transact,
  id: string,
  wanted: Parameters<typeof enrolStranger>[2],
  gone: AbortSignal,
): Promise<string> => {
  const { personId, photos } = await transact((trx) => enrolStranger(trx, id, wanted));
  const waiting = photos.map((photo) => photo.id);
  const signal = AbortSignal.any([gone, AbortSignal.timeout(enrolledWithinMs)]);
  const refused: EndedEnrolment[] = [];
  for await (const one of endedEnrolments(database, waiting, signal)) {
    if (one.state === 'enrolled') return personId;
    refused.push(one);
  }
  const [first] = refused;
  if (!first || refused.length < waiting.length) return personId;
  if (!(await transact((trx) => takeBackPerson(trx, personId, waiting)))) return personId;
  throw new WatchpostError(first.code, `Nobody was added, as no face can enrol them. ${first.message}`);
};
