import { expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { admit, idleProcess, listen } from './support.ts';

it.skipIf(!onServer)(
  `a call whose transaction Postgres gives up in favour of another is done all the same ${needsServer}`,
  async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    const api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
    await database.rows(`insert into watchpost.watchlist (name) values ('first'), ('second')`);
    const other = await connectClient(database);
    // So that it is the call that finds the deadlock, and is given up.
    await other.query(`set deadlock_timeout = '1min'`);
    const lock = (name: string) =>
      other.query('select from watchpost.watchlist where name = $1 for update', [name]);

    await other.query('begin');
    await lock('second');
    const called = api.call('POST', '/v1/persons', { name: 'Ada', watchlists: ['first', 'second'] });
    await untilBlocked(database);
    await lock('first');
    await other.query('commit');

    expect(await called).toMatchObject({ status: 201, body: { name: 'Ada' } });
    const entries = await database.rows(
      `select w.name from watchpost.watchlist_entry as e join watchpost.watchlist as w on w.id = e.watchlist_id order by 1`,
    );
    expect(entries).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect(await database.rows('select name from watchpost.person')).toEqual([{ name: 'Ada' }]);
  },
);
