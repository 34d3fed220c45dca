import { readPhotoFile } from '../intake/index.ts';
import { redraw } from '../vision/redraw.ts';
import { addPlan, findPlan, readPlans, removePlan } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { named, searched } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { siteIfSeveral } from './program/site-column.ts';
import { printRows } from './program/table.ts';

/** plan: floor plans and maps on which cameras are placed. */
export const planCommand: AddCommand = (program, session) => {
  const plan = program.command('plan').description('Floor plans and maps on which cameras are placed');
  for (const add of [planAdd, planList, planRemove]) add(plan, session);
};

const planAdd: AddCommand = (plan, session) =>
  plan
    .command('add')
    .description('Add a plan; "camera set NAME --plan PLAN --at 0.3,0.7" places a camera on it')
    .argument('<name>', '', named)
    .argument('<file>', 'JPEG, PNG, WebP, AVIF or HEIC')
    .option('--site <name>', 'the site it belongs to (default: the first one)', searched)
    .action(
      session.action(async (context, name: string, file: string, { site }: { site?: string }) => {
        const picture = await redraw(await readPhotoFile(file));
        const { db } = await connect(context);
        const added = await addPlan(db, { name, site, picture });
        print(context.io, `${added.name}  ${added.id}  ${added.width} × ${added.height}`, added);
      }),
    );

const planList: AddCommand = (plan, session) =>
  plan
    .command('list')
    .description('Every plan, and the cameras on it')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readPlans(db);
        printRows(context.io, found, {
          ...options,
          none: 'no plans',
          columns: ({ name, width, height, cameras, site, id }) => ({
            name,
            size: `${width} × ${height}`,
            cameras: cameras.map((camera) => camera.name).join(', '),
            ...siteIfSeveral(found, site),
            id,
          }),
        });
      }),
    );

const planRemove: AddCommand = (plan, session) =>
  plan
    .command('remove')
    .description('Remove a plan; the cameras on it stay, and are then on none')
    .argument('<name>', 'name or id', searched)
    .action(
      session.action(async (context, name: string) => {
        const { db } = await connect(context);
        await db.transaction().execute(async (trx) => removePlan(trx, await findPlan(trx, name)));
        print(context.io, `${name} is removed`, { plan: name, done: 'remove' });
      }),
    );
