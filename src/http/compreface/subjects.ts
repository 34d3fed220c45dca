import { type Context, Hono } from 'hono';
import { WatchpostError } from '../../errors.ts';
import { mergePersons, removeFromWatchlist, removePerson, setPerson } from '../../watchlist/registry.ts';
import { asCaller, transactions } from '../as-caller.ts';
import { readJson } from '../body.ts';
import { assertScope } from '../operation.ts';
import type { Served } from '../services.ts';
import { findCollection, findSubject, isOnOtherList, provideSubject, readSubjects } from './collection.ts';
import { subjectBody } from './fields.ts';

/** /api/v1/recognition/subjects: the people of a collection. */
export const subjects = () =>
  new Hono<Served>()
    .get('/', async (c) => {
      assertScope(c, 'read');
      const db = c.get('db');
      const found = await readSubjects(db, await findCollection(db, c.get('key')));
      return c.json({ subjects: found.map(({ name }) => name) });
    })

    .post('/', async (c) => {
      assertScope(c, 'enrol');
      const { subject } = await readJson(c, subjectBody);
      await asCaller(c, async (trx) => {
        const { added } = await provideSubject(trx, c.get('key'), subject);
        if (!added) throw new WatchpostError('name_taken', `There is a subject ${JSON.stringify(subject)}.`);
      });
      return c.json({ subject }, 201);
    })

    .put('/:subject', async (c) => {
      assertScope(c, 'enrol');
      const { subject } = await readJson(c, subjectBody);
      await asCaller(c, async (trx) => {
        const list = await findCollection(trx, c.get('key'));
        const renamed = await findSubject(trx, list, c.req.param('subject'));
        const [there] = (await readSubjects(trx, list)).filter(({ name }) => name === subject);
        // As in CompreFace, two subjects of one name become one.
        if (!there) await setPerson(trx, renamed.id, { name: subject });
        else if (there.id !== renamed.id) {
          await mergePersons(
            trx,
            { keep: there.id, merged: renamed.id },
            'renamed by a client of CompreFace',
          );
        }
      });
      return c.json({ updated: true });
    })

    .delete('/:subject', async (c) => {
      assertScope(c, 'enrol');
      const db = c.get('db');
      const list = await findCollection(db, c.get('key'));
      const subject = await findSubject(db, list, c.req.param('subject'));
      await removeSubject(c, list as string, subject.id);
      return c.json({ subject: subject.name });
    })

    .delete('/', async (c) => {
      assertScope(c, 'enrol');
      const db = c.get('db');
      const list = await findCollection(db, c.get('key'));
      const all = await readSubjects(db, list);
      for (const { id } of all) await removeSubject(c, list as string, id);
      return c.json({ deleted: all.length });
    });

/** Deletes a person; who is on another list as well is only taken off that of the collection. */
const removeSubject = async (c: Context<Served>, list: string, person: string): Promise<void> => {
  if (await isOnOtherList(c.get('db'), list, person)) {
    await asCaller(c, (trx) => removeFromWatchlist(trx, list, person));
  } else await removePerson(transactions(c), person);
};
