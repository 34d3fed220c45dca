import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/**
 * Builds the console into dist/console. Where the development packages are not installed it does nothing, as an installation
 * for production brings a built one or has none; with `--required` that is an error.
 */

const root = fileURLToPath(new URL('.', import.meta.url));
const built = fileURLToPath(new URL('../../dist/console', import.meta.url));

const loadVite = async () => {
  try {
    return await import('vite');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
};

/** Bytes of the files whose names end so, as they are sent compressed. */
const sizeOf = (...endings: readonly string[]): number =>
  readdirSync(built, { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .reduce((sum, name) => sum + gzipSync(readFileSync(join(built, name))).length, 0);

const vite = await loadVite();
if (vite) {
  await vite.build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'warn' });
  const kb = (bytes: number) => `${Math.round(bytes / 1000)} kB`;
  const program = kb(sizeOf('.js', '.css', '.html'));
  console.log(`The console is built: ${program} of program and styles, as they are sent, beside the font.`);
} else if (process.argv.includes('--required')) {
  console.error(
    'The console cannot be built: Vite is not installed. Run "npm install" with the development packages.',
  );
  process.exitCode = 1;
}
