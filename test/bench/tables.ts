import type pg from 'pg';

/** The table `image` as it is, but for triggers: whoever inserts says the size and the hash. */
export const makePlainTable = async (client: pg.Client): Promise<void> => {
  await client.query('create table watchpost.plain_image (like watchpost.image including all)');
};

/** One row each, `$1` the photo. */
export const insertOne = {
  ours: 'insert into watchpost.image (bytes) values ($1)',
  theirs: `insert into watchpost.plain_image (bytes, byte_length, sha256)
           values ($1, octet_length($1::bytea), sha256($1::bytea))`,
};

/** `$1` rows in one statement. */
export const insertMany = {
  ours: `insert into watchpost.image (bytes) select convert_to(md5(n::text), 'UTF8') from generate_series(1, $1::int) as n`,
  theirs: `insert into watchpost.plain_image (bytes, byte_length, sha256)
           select b, octet_length(b), sha256(b)
           from generate_series(1, $1::int) as n cross join lateral (select convert_to(md5(n::text), 'UTF8')) as p (b)`,
};
