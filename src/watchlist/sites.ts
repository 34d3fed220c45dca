import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';

/** Sites: parts of an installation that do not see each other. Who sees which is decided by the database: sql/1-base/scope.sql. */

/**
 * The id of a site by its name or id.
 *
 * @throws {WatchpostError} by SQLSTATE: site_unknown, whose hint names those that are seen.
 */
export const findSite = async (db: Kysely<DB>, nameOrId: string): Promise<string> => {
  const { rows } = await sql<{ id: string }>`select watchpost.find_site(${nameOrId}) as id`.execute(db);
  return (rows[0] as { id: string }).id;
};

/** The column site_id of a new row; without a site the database chooses it. */
export const siteColumn = async (db: Kysely<DB>, site: string | undefined): Promise<{ site_id?: string }> =>
  site === undefined ? {} : { site_id: await findSite(db, site) };

const selected = (db: Kysely<DB>) =>
  db
    .selectFrom('watchpost.site as s')
    .select((eb) => [
      's.id',
      's.name',
      's.created_at',
      eb
        .selectFrom('watchpost.camera as c')
        .select(sql<number>`count(*)::integer`.as('n'))
        .whereRef('c.site_id', '=', 's.id')
        .where('c.removed_at', 'is', null)
        .$asScalar()
        .$notNull()
        .as('cameras'),
      eb
        .selectFrom('watchpost.watchlist as w')
        .select(sql<number>`count(*)::integer`.as('n'))
        .whereRef('w.site_id', '=', 's.id')
        .$asScalar()
        .$notNull()
        .as('watchlists'),
      sql<
        string[]
      >`array(select m.role::text from watchpost.site_member as m where m.site_id = s.id order by 1)`.as(
        'members',
      ),
    ]);

/** Sites by name, with the number of their cameras and lists, and the database users who are their members. */
export const readSites = (db: Kysely<DB>) => selected(db).orderBy('s.name').execute();

/** @throws {WatchpostError} site_unknown. */
export const readSite = async (db: Kysely<DB>, id: string) => {
  const site = await selected(db).where('s.id', '=', id).executeTakeFirst();
  if (!site) throw new WatchpostError('site_unknown', `There is no site ${id}.`);
  return site;
};

const nameOf = (name: string) => `The site name ${JSON.stringify(name)}`;

/** @throws {WatchpostError} name_taken; right_missing if whoever acts does not see all sites. */
export const addSite = async (db: Kysely<DB>, name: string) => {
  const { id } = await orNameTaken(
    nameOf(name),
    db.insertInto('watchpost.site').values({ name }).returning('id').executeTakeFirstOrThrow(),
  );
  return readSite(db, id);
};

/** @throws {WatchpostError} site_unknown, name_taken, right_missing. */
export const renameSite = async (db: Kysely<DB>, id: string, name: string) => {
  await assertWritable(db, id);
  await orNameTaken(
    nameOf(name),
    db.updateTable('watchpost.site').set({ name }).where('id', '=', id).execute(),
  );
  return readSite(db, id);
};

/** @throws {WatchpostError} site_unknown, right_missing; by SQLSTATE: site_in_use. */
export const removeSite = async (db: Kysely<DB>, id: string): Promise<void> => {
  await assertWritable(db, id);
  await db.deleteFrom('watchpost.site').where('id', '=', id).execute();
};

/** Those who do not see all sites change none: the database would leave it as it is, and say nothing. */
const assertWritable = async (db: Kysely<DB>, id: string): Promise<void> => {
  const { name } = await readSite(db, id);
  const { rows } = await sql<{ all: boolean }>`select watchpost.sees_all() as all`.execute(db);
  if (rows[0]?.all) return;
  throw new WatchpostError(
    'right_missing',
    `Only who sees all sites may change the site ${JSON.stringify(name)}.`,
  );
};

/**
 * Lets a database user, or the members of a role, see a site; does nothing if they do.
 *
 * @throws {WatchpostError} role_unknown if the server has no such role.
 */
export const addMember = async (db: Kysely<DB>, siteId: string, role: string): Promise<void> => {
  const { rows } = await sql`select from pg_roles as r where r.rolname = ${role}`.execute(db);
  if (rows.length === 0) {
    throw new WatchpostError('role_unknown', `The server has no user or role ${JSON.stringify(role)}.`, {
      hint: 'Make it first: create role … login in role watchpost_reader. See docs/roles.md.',
    });
  }
  await db
    .insertInto('watchpost.site_member')
    .values({ role, site_id: siteId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
};

/** Takes a site from a database user or role; does nothing if they are no member. */
export const removeMember = async (db: Kysely<DB>, siteId: string, role: string): Promise<void> => {
  await db
    .deleteFrom('watchpost.site_member')
    .where('site_id', '=', siteId)
    .where('role', '=', role)
    .execute();
};
