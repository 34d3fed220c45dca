import { CommandError } from '../errors.ts';
import {
  addCamera,
  type CameraFields,
  findCamera,
  findPlan,
  type NewCamera,
  readCamera,
  readCameras,
  removeCamera,
  setCamera,
  type Watch,
} from '../watchlist/registry.ts';
import { type CameraOptions, fieldsOf, withCameraOptions } from './camera-options.ts';
import { connect } from './program/connect.ts';
import { deletePhotosShown } from './program/deleting.ts';
import { print } from './program/io.ts';
import { named, planPoint, searched } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { showing } from './program/show.ts';
import { siteIfSeveral } from './program/site-column.ts';
import { printRows } from './program/table.ts';

/** camera: where photos are taken. */
export const cameraCommand: AddCommand = (program, session) => {
  const camera = program.command('camera').description('Cameras');
  for (const add of [cameraAdd, cameraList, cameraShow, cameraSet, cameraRemove]) add(camera, session);
};

const cameraAdd: AddCommand = (camera, session) =>
  withCameraOptions(
    camera
      .command('add')
      .description('Add a camera')
      .argument('<name>', '', named)
      .requiredOption('--location <words>', 'where it stands', named)
      .option('--zone <name>', 'cameras of one zone share their alerts', named)
      .option('--site <name>', 'the site it belongs to (default: the first one)', searched),
  ).action(
    session.action(
      async (
        context,
        name: string,
        { location, zone, site, ...options }: Pick<NewCamera, 'location' | 'zone' | 'site'> & CameraOptions,
      ) => {
        const { db } = await connect(context);
        const added = await addCamera(db, {
          ...fieldsOf(options),
          location,
          name,
          ...(zone === undefined ? {} : { zone }),
          ...(site === undefined ? {} : { site }),
        });
        print(context.io, `${added.name}  ${added.id}`, added);
      },
    ),
  );

const cameraList: AddCommand = (camera, session) =>
  camera
    .command('list')
    .description('Every camera, and where it is now')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readCameras(db);
        printRows(context.io, found, {
          ...options,
          none: 'no cameras',
          columns: ({
            name,
            location,
            zone,
            faces,
            frames_per_second,
            source,
            watch,
            silent_since,
            site,
            id,
          }) => ({
            name,
            location,
            zone,
            faces,
            ...(found.some((one) => one.frames_per_second !== null) ? { fps: frames_per_second } : {}),
            ...(found.some((one) => one.source !== null) ? { source, ...watchColumns(source, watch) } : {}),
            silent_since,
            ...siteIfSeveral(found, site),
            id,
          }),
        });
      }),
    );

const cameraShow = showing('Show everything that is set of a camera', async (db, name) =>
  readCamera(db, await findCamera(db, name)),
);

/** How a source is watched, where there is one. */
const watchColumns = (source: string | null, watch: Watch | null) =>
  source === null
    ? {
        watched: null,
        since: null,
        read: null,
        submitted: null,
        known: null,
        dropped: null,
        still: null,
        reconnects: null,
      }
    : {
        watched: watch?.problem ?? watch?.state ?? 'unwatched',
        since: watch?.connected_at ?? null,
        read: watch?.read ?? 0,
        submitted: watch?.submitted ?? 0,
        known: watch?.known ?? 0,
        dropped: watch?.dropped ?? 0,
        still: watch?.still_last_minute ?? 0,
        reconnects: watch?.reconnects ?? 0,
      };

interface SetOptions extends Pick<CameraFields, 'location'>, CameraOptions {
  readonly rename?: string;
  /** False: --no-zone. */
  readonly zone?: string | false;
  /** Name or id; false: --no-plan. */
  readonly plan?: string | false;
  readonly at?: { readonly x: number; readonly y: number };
}

const cameraSet: AddCommand = (camera, session) =>
  withCameraOptions(
    camera
      .command('set')
      .description('Change or move a camera; earlier sightings stay where they were')
      .argument('<name>', 'name or id', searched)
      .option('--rename <name>', 'another name', named)
      .option('--location <words>', 'where it stands from now on', named)
      .option('--zone <name>', 'cameras of one zone share their alerts', named)
      .option('--no-zone', 'it is a zone of its own')
      .option('--plan <name>', 'the plan that it is on, with --at', searched)
      .option(
        '--at <x,y>',
        'where on the plan: 0,0 is its upper left corner, 1,1 the lower right one',
        planPoint,
      )
      .option('--no-plan', 'it is on no plan'),
  ).action(
    session.action(
      async (context, name: string, { rename, location, zone, plan, at, ...options }: SetOptions) => {
        const fields = { ...fieldsOf(options), location, name: rename, zone: zone === false ? null : zone };
        if ((typeof plan === 'string') !== (at !== undefined)) {
          throw new CommandError('Give --plan and --at together: which plan, and where on it.');
        }
        if (Object.values({ ...fields, plan }).every((value) => value === undefined)) {
          throw new CommandError(
            'Say what to change, by one of the options that --help lists, like --location.',
          );
        }
        const { db } = await connect(context);
        const changed = await db.transaction().execute(async (trx) => {
          const id = await findCamera(trx, name);
          if (plan === undefined) return setCamera(trx, id, fields);
          const point = at && plan ? { id: await findPlan(trx, plan, id), ...at } : null;
          return setCamera(trx, id, { ...fields, plan: point });
        });
        const parts = [changed.name, changed.id, changed.location, changed.zone && `zone ${changed.zone}`];
        print(context.io, parts.filter(Boolean).join('  '), changed);
      },
    ),
  );

const cameraRemove: AddCommand = (camera, session) =>
  camera
    .command('remove')
    .description('Remove a camera; its photos and alerts stay, and say where it was')
    .argument('<name>', 'name or id', searched)
    .option('--photos', 'delete its photos too, except those that alerts rest on')
    .option('--dry-run', 'print what would be removed, and remove nothing')
    .action(
      session.action(async (context, name: string, options: { photos?: boolean; dryRun?: boolean }) => {
        const { io } = context;
        const { photos = false, dryRun = false } = options;
        const { db } = await connect(context);
        // A removal that was interrupted goes on with the photos.
        const id = await findCamera(db, name, { orRemoved: photos });
        const inUse = (await readCameras(db)).some((one) => one.id === id);
        if (inUse && !dryRun) await removeCamera(db, id);
        print(io, dryRun ? `${name} would be removed` : `${name} is removed`, {
          camera: id,
          dry_run: dryRun,
        });
        const all = { camera: id, until: new Date(Date.now() + 86_400_000).toISOString() };
        if (photos) await deletePhotosShown(io, db, all, { dryRun });
        else print(io, 'Its photos and alerts stay. --photos deletes what no alert rests on.');
      }),
    );
