import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleDeclarations } from './declarations.ts';

// Makes dist/, which is what the package watchpost-client has: the client as JavaScript, and one file of declarations, so that a
// program that calls the API installs hono and nothing else of ours.

const folder = fileURLToPath(new URL('.', import.meta.url));
const project = join(folder, '../..');
const dist = join(folder, 'dist');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

const all = mkdtempSync(join(tmpdir(), 'watchpost-declarations-'));
// The whole project is checked elsewhere; here an error of a file that the client does not need is none.
spawnSync(
  join(project, 'node_modules/.bin/tsc'),
  ['-p', project, '--noEmit', 'false', '--declaration', '--rewriteRelativeImportExtensions', '--outDir', all],
  { stdio: 'ignore' },
);
writeFileSync(join(dist, 'index.d.ts'), bundleDeclarations(join(all, 'src/client/index.d.ts')));
copyFileSync(join(all, 'src/client/index.js'), join(dist, 'index.js'));
rmSync(all, { recursive: true });
