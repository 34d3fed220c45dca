import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, matchesGlob, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Instruction, readDockerfile } from './dockerfile.ts';
import { Room } from './room.ts';

/** MB that /app may take, as `du` counts. */
const mostMb = 300;

const project = fileURLToPath(new URL('../..', import.meta.url));
const ignored = readFileSync(join(project, '.dockerignore'), 'utf8').split('\n').filter(Boolean);

const isIgnored = (path: string): boolean =>
  ignored.some((pattern) => matchesGlob(relative(project, path), pattern));

/** Copies as `COPY` does: the contents of folders, and of the project nothing that .dockerignore names. */
const copy = ({ flags, text }: Instruction, room: Room, stages: ReadonlyMap<string, Room>): void => {
  const paths = text.split(/\s+/);
  const target = paths.pop() ?? '';
  const root = flags.from === undefined ? project : stages.get(flags.from)?.root;
  if (root === undefined) throw new Error(`COPY --from=${flags.from}: there is no such stage`);
  for (const path of paths) {
    const source = join(root, path);
    const isFile = statSync(source).isFile();
    const into = join(room.root, resolve(room.folder, target), isFile ? basename(path) : '');
    const filter = (each: string) => root !== project || !isIgnored(each);
    cpSync(source, into, { recursive: true, verbatimSymlinks: true, filter });
  }
};

/** Does the steps of the Dockerfile; the last stage's room is the image, `entrypoint` what it starts. */
const build = (folder: string): { image: Room; entrypoint: string[] } => {
  const stages = new Map<string, Room>();
  let room: Room | undefined;
  let entrypoint: string[] = [];
  const defaults = new Map<string, string>();
  for (const step of readDockerfile(readFileSync(join(project, 'Dockerfile'), 'utf8'))) {
    console.log(`--- ${step.name} ${step.text}`);
    if (step.name === 'ARG') {
      const [, name = '', value = ''] = step.text.match(/^(\w+)=(\S+)$/) ?? [];
      defaults.set(name, value);
      continue;
    }
    if (step.name === 'FROM') {
      const [named = '', , stage = `stage-${stages.size}`] = step.text.split(/\s+/);
      const base = named.replace(/\$\{(\w+)\}/g, (_, name) => defaults.get(name) ?? '');
      if (!base.startsWith('node:24-')) throw new Error(`FROM ${base}: only Node 24 is at hand here`);
      room = new Room(join(folder, stage));
      stages.set(stage, room);
      continue;
    }
    if (!room) throw new Error('The Dockerfile does not begin with FROM');
    if (step.name === 'WORKDIR') {
      room.folder = resolve(room.folder, step.text);
      mkdirSync(join(room.root, room.folder), { recursive: true });
    } else if (step.name === 'COPY') copy(step, room, stages);
    else if (step.name === 'RUN') room.run(['sh', '-c', step.text]);
    else if (step.name === 'ENV')
      for (const [, name = '', value = ''] of step.text.matchAll(/(\w+)=(\S+)/g))
        room.environment[name] = value;
    else if (step.name === 'USER') room.user = step.text;
    else if (step.name === 'ENTRYPOINT') entrypoint = JSON.parse(step.text);
    else if (!['CMD', 'EXPOSE', 'VOLUME'].includes(step.name))
      throw new Error(`${step.name}: teach test/image/run.ts what it does`);
  }
  if (!room) throw new Error('The Dockerfile has no steps');
  return { image: room, entrypoint };
};

const megabytes = (path: string): number =>
  Number.parseInt(execFileSync('du', ['-sm', path], { encoding: 'utf8' }), 10);

if (process.platform !== 'linux' || process.getuid?.() !== 0)
  throw new Error(
    'It mounts what the image has, which takes Linux and root: sudo npm run image, or docker build .',
  );
const folder = mkdtempSync(join(tmpdir(), 'watchpost-image-'));
chmodSync(folder, 0o755);
try {
  const { image, entrypoint } = build(folder);
  const app = megabytes(join(image.root, 'app'));
  const modules = megabytes(join(image.root, 'app/node_modules'));
  console.log(`--- /app takes ${app} MB, ${modules} of them node_modules`);
  if (app >= mostMb) throw new Error(`/app takes ${app} MB: under ${mostMb} are wanted`);
  if (!existsSync(join(image.root, 'app/dist/console/index.html'))) throw new Error('/app has no console');
  // The network is this machine's, whose port 3000 may be taken.
  image.environment.PORT = '0';
  image.run([...entrypoint, 'demo', '--once']);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
