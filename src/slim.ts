import { execFileSync } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Unused parts of packages, as globs within node_modules, with their sizes. */
const unused = [
  // 20 MB: protobufjs's command line with its own dependencies; onnx-proto uses only the library.
  'protobufjs/cli',
  // 20 MB: face-api is a dependency for one model, converted at install, and for its sample photos.
  '@vladmandic/face-api/{dist,src,types}',
  '@vladmandic/face-api/model/!(age_gender_model)*',
  // 6 MB: libheif as JavaScript, and WebAssembly in other forms; heic-decode loads the bundle.
  'libheif-js/libheif',
  'libheif-js/libheif-wasm/!(LICENSE|libheif-bundle.js)',
  // 20 MB: OpenTelemetry as ES modules for bundlers, and source maps; Node loads the CommonJS files.
  '@opentelemetry/*/build/{esm,esnext}',
  '@opentelemetry/*/build/src/**/*.map',
  // 11 MB: the fonts that no photo is labelled in.
  'dejavu-fonts-ttf/ttf/!(DejaVuSans.ttf)',
  // 10 MB: source maps, and other builds of the two files that /docs serves.
  'swagger-ui-dist/!(LICENSE|NOTICE|package.json|swagger-ui-bundle.js|swagger-ui-bundle.js.LICENSE.txt|swagger-ui.css)',
];

/**
 * Removes files from an installation that production never opens: onnxruntime's libraries for other platforms (243
 * MB), a few large parts of packages (50 MB) and, with `ownNode`, the Node that npm scripts run on machines whose own
 * is older (189 MB). `npm ci` restores everything.
 *
 * @param modules the installation's `node_modules`.
 * @param ownNode whether this machine's own Node is new enough, so that the installed one is not needed.
 */
export const slim = (modules: string, { ownNode }: { ownNode: boolean }): void => {
  const here = join(process.platform, process.arch);
  const binaries = globSync('onnxruntime-node/bin/napi-v*/*/*', { cwd: modules });
  const foreign = binaries.filter((folder) => !folder.endsWith(here));
  if (binaries.length === foreign.length)
    throw new Error(`onnxruntime-node in ${modules} has no library for ${here}: nothing was removed`);
  const nodes = ownNode ? globSync('{node-linux-*,.bin/node}', { cwd: modules }) : [];
  for (const path of [...foreign, ...globSync(unused, { cwd: modules }), ...nodes])
    rmSync(join(modules, path), { recursive: true });
};

/** Whether the Node that runs npm is new enough. This is not the installed one, which npm's scripts find first. */
const hasOwnNode = (modules: string, checkNode: string): boolean => {
  const node = process.env.npm_node_execpath ?? process.execPath;
  if (node.startsWith(modules)) return false;
  try {
    execFileSync(node, [checkNode], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
  const ownNode = hasOwnNode(modules, fileURLToPath(new URL('check-node.mjs', import.meta.url)));
  slim(modules, { ownNode });
  const stays = ownNode ? '' : ', except the installed Node 24';
  console.log(`Removed the files that production never opens${stays}. "npm ci" restores them.`);
}
