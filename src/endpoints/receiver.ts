import { type Kysely, sql } from 'kysely';
import { fromStored, isEncrypted, isEncrypting, toStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { KindName, Receiver } from './kinds/kind.ts';
import type { Templates } from './message.ts';

interface EndpointRow extends Templates {
  readonly name: string;
  readonly kind: KindName;
  readonly url: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly enabled: boolean;
  readonly secrets: string[];
  readonly value: Buffer | null;
  readonly site: string;
  readonly wait_until: Date | null;
}

/** An endpoint with all that sending to it takes. */
interface EndpointReceiver extends Receiver, Templates {
  readonly name: string;
  readonly kind: KindName;
  readonly enabled: boolean;
  /** It has asked not to be called before. */
  readonly waitUntil: Date | null;
}

/**
 * Reads an endpoint, with its secrets.
 *
 * @throws {WatchpostError} row_missing; encryption_key_missing, encryption_key_destroyed: its credential cannot be read.
 */
export const readReceiver = async (db: Kysely<DB>, endpointId: string): Promise<EndpointReceiver> => {
  const { rows } = await sql<EndpointRow>`
    select
      e.name, e.kind, e.url, e.settings, e.enabled, e.title_template, e.text_template,
      watchpost.valid_secrets(e.id) as secrets, c.value, coalesce(e.site_id, watchpost.default_site()) as site,
      (select w.until from watchpost.endpoint_wait as w where w.endpoint_id = e.id and w.until > clock_timestamp())
        as wait_until
    from watchpost.endpoint as e
    left join watchpost.endpoint_credential as c on c.endpoint_id = e.id
    where e.id = ${endpointId}
  `.execute(db);
  const [row] = rows;
  if (!row) throw new WatchpostError('row_missing', `The endpoint ${endpointId} is gone.`);
  const { value, wait_until, ...endpoint } = row;
  return { ...endpoint, credential: await openCredential(db, endpointId, row), waitUntil: wait_until };
};

/** One that was inserted by SQL is encrypted when it is first read. */
const openCredential = async (db: Kysely<DB>, endpointId: string, { value, site }: EndpointRow) => {
  if (value === null) return undefined;
  if (isEncrypting() && !isEncrypted(value)) {
    const stored = await toStored(db, value, () => site);
    await db
      .updateTable('watchpost.endpoint_credential')
      .set({ value: stored })
      .where('endpoint_id', '=', endpointId)
      .execute();
  }
  return (await fromStored(db, value)).toString();
};
