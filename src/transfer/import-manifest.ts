import { basename, join } from 'node:path';
import type { Kysely } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { linkFace, linkPeople } from './links.ts';
import {
  type CannotLink,
  type FaceOfLink,
  type Manifest,
  manifestName,
  type RegisterRow,
} from './manifest.ts';
import { type PersonSource, refusalOf } from './people.ts';
import { addToRegister, fillEndedList, isEnded, isThere } from './registers.ts';
import type { Report } from './report.ts';

/** Ids of the people who were imported, by the names of their folders. */
type Ids = ReadonlyMap<string, string>;

/**
 * Writes what an export has beside the people: cameras and lists before them, who is not whom together with them or after
 * them. What cannot be written is reported, and the rest is written.
 */
export class ManifestImport {
  readonly #db: Kysely<DB>;
  readonly #path: string;
  readonly #manifest: Pick<Manifest, 'cameras' | 'watchlists' | 'cannot_links'>;
  readonly #report: Report;
  readonly #ended: RegisterRow[] = [];

  /** @param manifest undefined for a source that is not an export. */
  constructor(db: Kysely<DB>, path: string, manifest: Manifest | undefined, report: Report) {
    this.#db = db;
    this.#path = path;
    this.#manifest = manifest ?? { cameras: [], watchlists: [], cannot_links: [] };
    this.#report = report;
  }

  /** Names of lists on which nobody can be put any more: their entries are written by fillEndedLists. */
  get endedLists(): ReadonlySet<string> {
    return new Set(this.#ended.map(({ name }) => name));
  }

  /** Cameras and lists. A list that has ended, and is not there, is added last. */
  async addRegisters(): Promise<void> {
    for (const camera of this.#manifest.cameras) {
      await this.#orRefuse(null, async (trx) => {
        if ((await addToRegister(trx, 'camera', camera)) === 'added') this.#report.cameras.added += 1;
      });
    }
    for (const list of this.#manifest.watchlists) {
      if (await isEnded(this.#db, list)) {
        this.#ended.push(list);
        if (!(await isThere(this.#db, list))) continue;
      }
      await this.#orRefuse(null, async (trx) => {
        if ((await addToRegister(trx, 'watchlist', list)) === 'added') this.#report.watchlists.added += 1;
      });
    }
  }

  /**
   * Writes that a person is none of those who were imported before. It has to be known before the photos of the second of
   * two people who look alike are enrolled, or they are refused.
   */
  async linkPerson(trx: Kysely<DB>, key: string, id: string, ids: Ids): Promise<void> {
    for (const link of this.#manifest.cannot_links) {
      if (link.other_person === undefined) continue;
      const first = link.person === key ? id : ids.get(link.person);
      const second = link.other_person === key ? id : ids.get(link.other_person);
      if (first && second && (first === id || second === id)) await linkPeople(trx, link, first, second);
    }
  }

  async fillEndedLists(people: readonly PersonSource[], ids: Ids): Promise<void> {
    for (const list of this.#ended) {
      const entries = people.flatMap(({ key = '', watchlists }) => {
        const personId = ids.get(key);
        const entry = watchlists.find(({ name }) => name === list.name);
        return personId && entry ? [{ personId, since: entry.created_at }] : [];
      });
      await this.#orRefuse(null, async (trx) => {
        if ((await fillEndedList(trx, list, entries)) === 'added') this.#report.watchlists.added += 1;
      });
    }
  }

  /** When the workers have run, because a detector is registered by then. Names the links of people who are not there. */
  async linkFaces(ids: Ids): Promise<void> {
    for (const link of this.#manifest.cannot_links) {
      const missing = [link.person, link.other_person].find((key) => key !== undefined && !ids.has(key));
      if (missing !== undefined) {
        const message = `The cannot_link of ${JSON.stringify(link.person)} was left out: ${JSON.stringify(missing)} was not imported.`;
        this.#refuse(link.person, new WatchpostError('person_unknown', message));
      } else if (isOfFace(link)) {
        const crop = join(this.#path, '_faces', basename(link.face.crop));
        const personId = ids.get(link.person) as string;
        await this.#orRefuse(link.person, (trx) => linkFace(trx, link, personId, crop));
      }
    }
  }

  async #orRefuse(person: string | null, act: (trx: Kysely<DB>) => Promise<void>): Promise<void> {
    try {
      await this.#db.transaction().execute(act);
    } catch (error) {
      this.#refuse(person, error);
    }
  }

  #refuse(person: string | null, error: unknown): void {
    this.#report.refused.push(refusalOf(join(this.#path, manifestName), person, error));
  }
}

const isOfFace = (link: CannotLink): link is CannotLink & { face: FaceOfLink } => link.face !== undefined;
