import { Option } from 'commander';
import { faceRanges } from '../vision/types.ts';
import { addCamera } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { named } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

/** camera: where photos are taken. */
export const cameraCommand: AddCommand = (program, session) =>
  cameraAdd(program.command('camera').description('Cameras'), session);

const cameraAdd: AddCommand = (camera, session) =>
  camera
    .command('add')
    .description('Add a camera')
    .argument('<name>', '', named)
    .requiredOption('--location <words>', 'where it stands', named)
    .option('--zone <name>', 'cameras of one zone share their alerts', named)
    .addOption(
      new Option(
        '--faces <range>',
        'how small faces are in its pictures: near (a door), automatic (searched for small faces where there are some), far (a square)',
      ).choices(faceRanges),
    )
    .action(
      session.action(
        async (context, name: string, options: Omit<Parameters<typeof addCamera>[1], 'name'>) => {
          const { db } = await connect(context);
          const added = await addCamera(db, { name, ...options });
          print(context.io, `${added.name}  ${added.id}`);
        },
      ),
    );
