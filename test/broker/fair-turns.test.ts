import { beforeAll, describe, expect, it } from 'vitest';
import { Claims } from '../../src/broker/claims.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addWorker, claim, emit, subscribe } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('sources', () => {
  const flood = async (task: string) => {
    await subscribe(database, { task });
    // Each by one INSERT, the flood first.
    await emit(database, task, 6, 'flood');
    await emit(database, task, 2, 'gate');
    await emit(database, task, 2, 'yard');
    return addWorker(database, [task]);
  };
  const inTurn = [
    'flood 0',
    'gate 0',
    'yard 0',
    'flood 1',
    'gate 1',
    'yard 1',
    'flood 2',
    'flood 3',
    'flood 4',
    'flood 5',
  ];
  const named = (batches: Awaited<ReturnType<typeof claim>>) =>
    batches.flatMap(({ items }) => items.map(({ source, n }) => `${source} ${n}`));

  it('take turns within one claim, each in its own order', async () => {
    const worker = await flood('turns_at_once');
    const batches = await claim(database, worker, ['turns_at_once'], 20);
    expect(named(batches)).toEqual(inTurn);
    expect(batches.map(({ source }) => source)).toEqual(inTurn.map((name) => name.split(' ')[0]));
  });

  it('take turns from claim to claim of a process', async () => {
    const worker = await flood('turns');
    const claims = new Claims(database, worker);
    const seen: string[] = [];
    for (;;) {
      const batches = await claims.claim(['turns'], 1);
      if (batches.length === 0) break;
      for (const { items } of batches)
        seen.push(
          ...(items as unknown as { source: string; n: number }[]).map(({ source, n }) => `${source} ${n}`),
        );
    }
    expect(seen).toEqual(inTurn);
  });

  it.skipIf(!onServer)(`take turns between two concurrent claimers, too ${needsServer}`, async () => {
    const worker = await flood('turns_of_two');
    const clients = [await connectClient(database), await connectClient(database)];
    const sources = ['', ''];
    const rounds: string[][] = [];
    for (let round = 0; round < 3; round++) {
      for (const client of clients) await client.query('begin');
      const seen = [];
      for (const [at, client] of clients.entries()) {
        const [batch] = await claim(client, worker, ['turns_of_two'], 1, { source: sources[at]! });
        sources[at] = batch!.source;
        seen.push(...named([batch!]));
      }
      for (const client of clients) await client.query('commit');
      rounds.push(seen);
    }
    // The others do not wait for the flood: their turn comes after one of its photos for each slot.
    expect(rounds).toEqual([
      ['flood 0', 'flood 1'],
      ['gate 0', 'gate 1'],
      ['yard 0', 'yard 1'],
    ]);
  });

  it('continue in order when the source of the last turn is gone', async () => {
    const worker = await flood('last_gone');
    const names = named(await claim(database, worker, ['last_gone'], 2, { source: 'gone' }));
    expect(names).toEqual(['yard 0', 'flood 0']);
  });
});
