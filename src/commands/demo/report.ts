import type { Database } from '../../database/pool.ts';
import { table } from '../program/table.ts';
import type { Submission } from './submit-frames.ts';

/** What the demo found, for people and for programs. */
export interface DemoReport {
  /** The alert, for the console; undefined: none was raised. */
  readonly alertId: string | undefined;
  readonly rows: readonly Record<string, unknown>[];
  readonly json: {
    readonly photos: number;
    readonly faces: number;
    readonly matches: number;
    readonly alerts: readonly {
      readonly person: string;
      readonly similarity: number;
      readonly camera: string | null;
      readonly location: string | null;
      readonly photo: string;
    }[];
    /** From the moment before the photo was sent to the moment its alert was written; null without an alert. */
    readonly submit_to_alert_ms: number | null;
    readonly database: string;
  };
}

interface Found {
  readonly image_id: string;
  readonly faces: number;
  readonly matches: number;
  readonly best: string | null;
  readonly similarity: number | null;
  readonly outcome: string | null;
  readonly gate: string[] | null;
  readonly finished_at: Date;
}

interface Alert {
  readonly id: string;
  readonly person: string;
  readonly similarity: number;
  readonly camera: string | null;
  readonly location: string | null;
  readonly image_id: string;
  readonly created_at: Date;
}

/** Reads the results of the submitted photos. */
export const readReport = async (
  { pool }: Database,
  watchlistId: string,
  submissions: readonly Submission[],
  kind: string,
): Promise<DemoReport> => {
  const imageIds = submissions.map((one) => one.imageId);
  const found = await readFound(pool, imageIds);
  const alerts = await readAlerts(pool, watchlistId, imageIds);
  const { rows: servers } = await pool.query<{ version: string }>(
    `select current_setting('server_version') as version`,
  );

  const rows = submissions.map(({ photo, way, imageId, sentAt }) => {
    const image = found.find((one) => one.image_id === imageId);
    const alert = alerts.find((one) => one.image_id === imageId);
    return {
      photo,
      by: way,
      faces: image?.faces ?? 0,
      'best match': image?.best ?? '',
      similarity:
        image?.similarity === null || image === undefined ? null : Math.round(image.similarity * 1000) / 1000,
      alert: alert ? `ALERT at ${alert.location}` : whyNot(image),
      ms: (alert?.created_at ?? image?.finished_at ?? sentAt).getTime() - sentAt.getTime(),
    };
  });
  const alerted = submissions.findIndex((one) => alerts.some((alert) => alert.image_id === one.imageId));
  return {
    alertId: alerts[0]?.id,
    rows,
    json: {
      photos: submissions.length,
      faces: found.reduce((sum, image) => sum + image.faces, 0),
      matches: found.reduce((sum, image) => sum + image.matches, 0),
      alerts: alerts.map((alert) => ({
        person: alert.person,
        similarity: alert.similarity,
        camera: alert.camera,
        location: alert.location,
        photo: submissions.find((one) => one.imageId === alert.image_id)?.photo ?? '',
      })),
      submit_to_alert_ms: rows[alerted]?.ms ?? null,
      database: `${kind === 'embedded' ? 'embedded' : 'server'} PostgreSQL ${servers[0]?.version}`,
    },
  };
};

/** What was found in each photo. */
const readFound = async (pool: Database['pool'], imageIds: readonly string[]): Promise<Found[]> => {
  const { rows } = await pool.query<Found>(
    `select s.image_id, s.faces, s.matches, n.best, n.similarity, n.outcome, n.gate, s.finished_at
     from watchpost.image_status as s
     left join lateral (
       select p.name as best, x.similarity, x.outcome, x.gate
       from watchpost.face as f
       join watchpost.search as x on x.face_id = f.id
       left join watchpost.person as p on p.id = x.person_id
       where f.image_id = s.image_id
       order by x.similarity desc nulls last
       limit 1
     ) as n on true
     where s.image_id = any ($1::uuid[])`,
    [imageIds],
  );
  return rows;
};

/** The alerts of the list on these photos, without those that the search of past faces raised on earlier ones. */
const readAlerts = async (
  pool: Database['pool'],
  watchlistId: string,
  imageIds: readonly string[],
): Promise<Alert[]> => {
  const { rows } = await pool.query<Alert>(
    `select distinct on (a.id) a.id, p.name as person, m.similarity, k.name as camera, k.location, m.image_id, a.created_at
     from watchpost.alert as a
     join watchpost.person as p on p.id = a.person_id
     join watchpost.alert_match as am on am.alert_id = a.id
     join watchpost.match as m on m.id = am.match_id and m.image_id = any ($2::uuid[])
     left join watchpost.camera_place as k on k.camera_id = a.camera_id and k.during @> a.last_seen
     where a.watchlist_id = $1 and not a.retroactive and a.withdrawn_at is null
     order by a.id, m.similarity desc`,
    [watchlistId, imageIds],
  );
  return rows;
};

const whyNot = (image: Found | undefined): string => {
  if (!image?.outcome) return 'none: no face';
  if (image.gate && image.gate.length > 0) return `none: ${image.gate.join(', ')}`;
  return image.outcome === 'below_threshold' ? 'none: not alike' : `none: ${image.outcome}`;
};

/** The table, with a line on what its last column counts. */
export const showReport = (report: DemoReport): string =>
  `${table(report.rows)}\n\nms: from submission to the alert, or to the end where there is none (${report.json.database}).`;
