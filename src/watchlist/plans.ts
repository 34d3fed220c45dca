import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import type { Redrawn } from '../vision/index.ts';
import { siteColumn } from './sites.ts';

/** Plans: floor plans and maps on which cameras are placed. */

/** A plan to add. */
export interface NewPlan {
  readonly name: string;
  /** Name or id of its site; default: the first that whoever acts may see. */
  readonly site?: string | undefined;
  readonly picture: Redrawn;
}

const nameOf = (name: string) => `The plan name ${JSON.stringify(name)}`;

const columnsOf = ({ webp, width, height }: Redrawn) => ({ image: webp, mime: 'image/webp', width, height });

/**
 * Adds a plan.
 *
 * @throws {WatchpostError} name_taken; site_unknown by SQLSTATE.
 */
export const addPlan = async (db: Kysely<DB>, { name, site, picture }: NewPlan) => {
  const ofSite = await siteColumn(db, site);
  const { id } = await orNameTaken(
    nameOf(name),
    db
      .insertInto('watchpost.plan')
      .values({ name, ...columnsOf(picture), ...ofSite })
      .returning('id')
      .executeTakeFirstOrThrow(),
  );
  return readPlan(db, id);
};

/**
 * Renames a plan, or gives it another picture. The cameras stay where they are on it.
 *
 * @throws {WatchpostError} plan_unknown, name_taken.
 */
export const setPlan = async (
  db: Kysely<DB>,
  id: string,
  { name, picture }: { readonly name?: string | undefined; readonly picture?: Redrawn },
) => {
  const columns = { ...(name === undefined ? {} : { name }), ...(picture ? columnsOf(picture) : {}) };
  if (Object.keys(columns).length > 0) {
    await orNameTaken(
      nameOf(name ?? ''),
      db.updateTable('watchpost.plan').set(columns).where('id', '=', id).execute(),
    );
  }
  return readPlan(db, id);
};

/**
 * Removes a plan; the cameras on it are then on none.
 *
 * @throws {WatchpostError} plan_unknown.
 */
export const removePlan = async (db: Kysely<DB>, id: string): Promise<void> => {
  await readPlan(db, id);
  await db.deleteFrom('watchpost.plan').where('id', '=', id).execute();
};

/**
 * The id of a plan by its name or id; of several sites with one of this name, that of the given camera's, or the first.
 *
 * @throws {WatchpostError} plan_unknown, whose hint names those that there are.
 */
export const findPlan = async (db: Kysely<DB>, nameOrId: string, camera?: string): Promise<string> => {
  const { rows } = await sql<{ id: string; name: string; meant: boolean }>`
    select p.id, p.name, p.name = normalize(${nameOrId}, nfc) or p.id::text = lower(${nameOrId}) as meant
    from watchpost.plan as p
    order by p.site_id = (select c.site_id from watchpost.camera as c where c.id = ${camera ?? null}) desc nulls last, p.site_id, p.name
  `.execute(db);
  const found = rows.find(({ meant }) => meant);
  if (found) return found.id;
  const names = rows.map(({ name }) => name).join(', ') || 'none yet';
  throw new WatchpostError('plan_unknown', `There is no plan ${JSON.stringify(nameOrId)}.`, {
    hint: `Plans: ${names}.`,
  });
};

/**
 * A plan, with the cameras on it.
 *
 * @throws {WatchpostError} plan_unknown.
 */
export const readPlan = async (db: Kysely<DB>, id: string) => {
  const plan = await selected(db.selectFrom('watchpost.plan as p').where('p.id', '=', id)).executeTakeFirst();
  if (!plan) throw planUnknown(id);
  return plan;
};

/** Plans by name: a page of them, which begins after a name, or all. */
export const readPlans = (db: Kysely<DB>, page?: Page) =>
  selected(db.selectFrom('watchpost.plan as p'))
    .$if(page?.after !== undefined, (q) => q.where('p.name', '>', page?.after as string))
    .orderBy('p.name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

/**
 * The picture of a plan.
 *
 * @throws {WatchpostError} plan_unknown.
 */
export const readPlanPicture = async (db: Kysely<DB>, id: string) => {
  const plan = await db
    .selectFrom('watchpost.plan')
    .select(['image', 'mime'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!plan) throw planUnknown(id);
  return plan;
};

const selected = <O>(query: SelectQueryBuilder<DB & { p: DB['watchpost.plan'] }, 'p', O>) =>
  query.select([
    'p.id',
    'p.name',
    sql<string>`(select s.name from watchpost.site as s where s.id = p.site_id)`.as('site'),
    'p.width',
    'p.height',
    'p.created_at',
    sql<{ id: string; name: string; x: number; y: number }[]>`(
      select coalesce(
        json_agg(json_build_object('id', c.id, 'name', c.name, 'x', c.plan_x, 'y', c.plan_y) order by c.name), '[]'
      )
      from watchpost.camera as c
      where c.plan_id = p.id and c.removed_at is null
    )`.as('cameras'),
  ]);

/** The error of an id that no plan has. */
export const planUnknown = (id: string) =>
  new WatchpostError('plan_unknown', `There is no plan ${id} at this site.`);
