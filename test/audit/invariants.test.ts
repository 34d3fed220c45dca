import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

describe('invariants', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await freshDatabase();
  });

  const found = async (from: string) =>
    (await database.rows(`select rule, subject from ${from}`)).map(
      ({ rule, subject }) => `${rule} ${subject}`,
    );
  const view = () => found('watchpost.invariant');
  const full = () => found('watchpost.find_violations()');

  it('are checked for what the last day has brought; for all rows if asked', async () => {
    expect(await full()).toEqual([]);
    const handle = async (age: string): Promise<string> => {
      const [{ event_id }] = await database.rows(
        `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
         values (watchpost.uuidv7_at(now() - $1::interval), 'x', 'done', 1, now(), 1) returning event_id`,
        [age],
      );
      return `handling_without_event ${event_id} x`;
    };
    const fresh = await handle('1 hour');
    const old = await handle('3 days');
    expect(await view()).toEqual([fresh]);
    expect((await full()).sort()).toEqual([fresh, old].sort());
  });

  it('find a photo that waits, however old it is', async () => {
    const [{ id }] = await database.rows(
      `insert into watchpost.image (id, received_at, bytes)
       values (watchpost.uuidv7_at(now() - interval '10 days'), now() - interval '10 days', 'no photo') returning id`,
    );
    expect(await view()).toContain(`image_without_end ${id}`);
    await database.rows('delete from watchpost.image where id = $1', [id]);
    expect(await view()).not.toContain(`image_without_end ${id}`);
  });

  it('find a recent photo of which there is no event', async () => {
    await database.rows('alter table watchpost.image disable trigger image_emit');
    const [{ id }] = await database.rows(
      `insert into watchpost.image (received_at, bytes) values (now() - interval '11 minutes', 'no photo') returning id`,
    );
    await database.rows('alter table watchpost.image enable trigger image_emit');
    expect(await view()).toContain(`image_without_end ${id}`);
  });
});
