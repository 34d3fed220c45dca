import { createFactory } from 'hono/factory';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import { type ProblemCode, WatchpostError } from '../errors.ts';
import { nextOf, type Page, pageLimit } from '../fields.ts';
import { idIn } from './body.ts';
import type { Scope } from './key.ts';
import { operation } from './operation.ts';
import { page } from './schemas/fields.ts';
import type { Served } from './services.ts';

/** What a list and the route of a single row have in common. */
interface Listed<Name extends string, Item extends z.ZodType> {
  readonly summary: string;
  readonly description?: string;
  readonly scope: Scope;
  /** The field of the answer that has the rows. */
  readonly name: Name;
  readonly item: Item;
  readonly errors?: readonly ProblemCode[];
}

type Wanted<Filter extends z.ZodObject> = z.output<Filter> & Page;

/**
 * The handlers of a list whose rows have ids: it comes in pages, each of which begins after the id that the page before has
 * as `next`.
 *
 * @param list.filter the fields of the query beside `after` and `limit`; no others are taken.
 * @param list.read rows in the order of the list, as the key may see them.
 */
export const listing = <
  Name extends string,
  Item extends z.ZodType,
  Row extends { readonly id: string },
  Filter extends z.ZodObject,
>({
  name,
  item,
  filter,
  read,
  ...facts
}: Listed<Name, Item> & {
  readonly filter: Filter;
  readonly read: (db: Kysely<DB>, wanted: Wanted<Filter>) => Promise<Row[]>;
}) =>
  createFactory<Served>().createHandlers(
    operation({
      ...facts,
      query: filter.extend({ after: z.guid().optional(), limit: pageLimit }) as unknown as Paged<Filter>,
      answers: { 200: page(name, item) },
    }),
    async (c) => {
      const wanted = c.req.valid('query' as never) as Wanted<Filter>;
      const rows = await read(c.get('db'), wanted);
      const next = nextOf(rows, wanted.limit, ({ id }) => id);
      return c.json({ [name]: rows, next } as { [Key in Name]: Row[] } & { next: string | null });
    },
  );

type Paged<Filter extends z.ZodObject> = z.ZodObject<
  Filter['shape'] & { after: z.ZodOptional<z.ZodGUID>; limit: typeof pageLimit }
>;

/**
 * The handlers of a row by its id.
 *
 * @param row.read finds it as a list of one.
 * @param row.unknown the error if there is none that the key may see.
 */
export const single = <Item extends z.ZodType, Row>({
  item,
  what,
  unknown,
  read,
  ...facts
}: Omit<Listed<string, Item>, 'name'> & {
  readonly what: string;
  readonly unknown: ProblemCode;
  readonly read: (db: Kysely<DB>, wanted: { id: string; limit: number }) => Promise<Row[]>;
}) =>
  createFactory<Served>().createHandlers(
    operation({ ...facts, answers: { 200: item as z.ZodType }, errors: [unknown] }),
    async (c) => {
      const id = idIn(c);
      const [row] = await read(c.get('db'), { id, limit: 1 });
      if (!row) throw new WatchpostError(unknown, `There is no ${what} ${id}.`);
      return c.json(row);
    },
  );
