import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Packs the client as `npm pack` does, puts it into an empty project with nothing but hono, and compiles a program that
// uses it there, as strictly as TypeScript can, with the declarations of libraries checked too.

const project = fileURLToPath(new URL('../..', import.meta.url));
const client = join(project, 'src/client');
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

const root = readJson(join(project, 'package.json'));
const own = readJson(join(client, 'package.json'));
if (own.version !== root.version || own.dependencies.hono !== root.dependencies.hono) {
  throw new Error('src/client/package.json has another version, or another hono, than package.json.');
}

const folder = mkdtempSync(join(tmpdir(), 'watchpost-client-'));
try {
  execFileSync('npm', ['pack', client, '--pack-destination', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const installed = join(folder, 'node_modules', own.name);
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', [
    '-xzf',
    join(folder, `${own.name}-${own.version}.tgz`),
    '--strip-components=1',
    '-C',
    installed,
  ]);
  symlinkSync(join(project, 'node_modules/hono'), join(folder, 'node_modules/hono'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom'],
    types: [],
    outDir: 'out',
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  copyFileSync(new URL('./program.ts', import.meta.url), join(folder, 'program.ts'));
  execFileSync(join(project, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'inherit' });
  // Without an API: that it can be imported, and makes calls.
  const said = execFileSync(process.execPath, [join(folder, 'out/program.js')], { encoding: 'utf8' });
  if (said.trim() !== 'http://127.0.0.1:3000/v1/alerts?state=open&min_severity=warning')
    throw new Error(said);
  console.log('The packed client compiles in an empty project, and runs there.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
