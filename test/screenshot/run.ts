import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { createClient } from '../../src/client/index.ts';
import { NodeProcess, plainEnvironment } from '../support/node-process.ts';
import { drawCrop, drawPhoto } from './drawings.ts';

/**
 * Takes the picture of README, docs/console.webp: `npm run screenshot:readme`. It runs the demo and opens its alert in the console.
 * The photos of the demo are others' and are not published with this repository, so drawings take their place.
 */

const target = fileURLToPath(new URL('../../docs/console.webp', import.meta.url));
/** Bytes that it may have. */
const most = 150_000;

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(executablePath))
  throw new Error('There is no Chromium: apt-get install chromium, or CHROMIUM=PATH.');

const takePicture = async (page: Page, address: URL, key: string): Promise<Buffer> => {
  const { v1 } = createClient({ url: address.origin, key });
  const alert = await v1.alerts[':id'].$get({ param: { id: address.pathname.split('/').at(-1)! } });
  if (!alert.ok) throw new Error(`GET /v1/alerts: ${alert.status}`);
  const { person, face_id } = await alert.json();
  const contentType = 'image/jpeg';
  await page.route('**/v1/images/*/photo?*', async (route) => {
    const id = new URL(route.request().url()).pathname.split('/')[3]!;
    const image = await v1.images[':id'].$get({ param: { id } });
    if (!image.ok) throw new Error(`GET /v1/images/${id}: ${image.status}`);
    const { width, height, faces } = await image.json();
    await route.fulfill({
      contentType,
      body: await drawPhoto({ width: width!, height: height!, faces }, face_id),
    });
  });
  await page.route('**/v1/faces/*/crop', async (route) =>
    route.fulfill({ contentType, body: await drawCrop() }),
  );

  await page.goto(address.href);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { level: 2, name: person }).waitFor();
  await page.getByAltText(/^The photo from /).waitFor();
  await page.waitForLoadState('networkidle');
  await page.waitForFunction('[...document.images].every((image) => image.complete)');
  return page.screenshot();
};

const folder = await mkdtemp(join(tmpdir(), 'watchpost-screenshot-'));
const demo = new NodeProcess(['src/watchpost.mjs', 'demo'], {
  ...plainEnvironment(),
  PORT: '0',
  WATCHPOST_DATA: folder,
});
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const [, address = ''] = await demo.says(/(http:\S+\/console\/alerts\/\S+)\n/);
  const key = (await readFile(join(folder, 'api-key'), 'utf8')).trim();
  const page = await browser.newPage({
    viewport: { width: 1280, height: 960 },
    deviceScaleFactor: 1.5,
    reducedMotion: 'reduce',
  });
  const picture = await sharp(await takePicture(page, new URL(address), key))
    .webp({ quality: 80 })
    .toBuffer();
  if (picture.length > most)
    throw new Error(`The picture has ${picture.length} bytes, and may have ${most}.`);
  await writeFile(target, picture);
  console.log(`${target}: ${Math.round(picture.length / 1000)} kB`);
} finally {
  await browser.close();
  await demo.stop();
  await rm(folder, { recursive: true, force: true });
}
