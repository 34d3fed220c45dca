import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, it } from 'vitest';
import { serve } from '../http/support.ts';
import { sample } from '../support/photos.ts';
import { sealAll } from '../support/record.ts';
import { addDeadLetter, addressesOf, dialogs, furnish } from './furnish.ts';
import { browserPath, drop, logIn, needsBrowser, openBrowser, openPage, settled } from './support.ts';

/**
 * Takes a picture of every page, light and dark, wide and 390 px: `npm run screenshots`, to be looked at. With
 * `WATCHPOST_PAGES='bridge|camera'` only of those whose name has one of these words.
 */

const wanted = new RegExp(process.env.WATCHPOST_PAGES ?? '');

const folder = fileURLToPath(new URL('../../screenshots/', import.meta.url));

describe.skipIf(!browserPath)(`pictures of every page${needsBrowser}`, () => {
  it('are taken', async () => {
    const { database, api } = await serve();
    const browser = await openBrowser();
    await mkdir(folder, { recursive: true });
    const { page: first } = await openPage(browser);
    await first.goto(`${api.url}/console/`);
    await first.getByLabel('API key').waitFor();
    await first.screenshot({ path: `${folder}login.png` });
    await logIn(first, api.url, api.key);
    await settled(first);
    await first.screenshot({ path: `${folder}first-run.png` });
    await first.goto(`${api.url}/console/settings/bridges`);
    await settled(first);
    await first.screenshot({ path: `${folder}bridges-none.png` });
    await first.close();
    const furnished = await furnish(database, api);
    await addDeadLetter(api, database, 'garage');
    await sealAll(database);
    const addresses = addressesOf(furnished);
    const pages = Object.entries(addresses).filter(([name]) => wanted.test(name));
    const shown = dialogs.filter(({ name }) => wanted.test(name));
    const take = async (page: Page, name: string, fullPage: boolean) => {
      await settled(page);
      await page.screenshot({ path: `${folder}${name}.png`, fullPage });
    };
    const looks = [
      ['wide', false],
      ['narrow', true],
      ['wide', true],
      ['narrow', false],
    ] as const;
    for (const [size, dark] of looks) {
      const { page } = await openPage(browser, { size, dark });
      await logIn(page, api.url, api.key);
      const suffix = `${size}-${dark ? 'dark' : 'light'}`;
      for (const [name, address] of pages) {
        await page.goto(`${api.url}${address}`);
        if (name === 'alert') await take(page, `${name}-screen-${suffix}`, false);
        if (name === 'search') {
          await drop(page.locator('label.drop'), sample(1));
          await page.getByRole('heading', { name: 'Seen before' }).waitFor();
        }
        await take(page, `${name}-${suffix}`, true);
      }
      for (const { name, at, button } of shown) {
        await page.goto(`${api.url}${addresses[at]}`);
        await page.getByRole('button', { name: button }).click();
        await page.getByRole('dialog').waitFor();
        await take(page, `dialog-${name}-${suffix}`, false);
        const [save] = await page.getByRole('dialog').locator('[type=submit]').all();
        if (await save?.isVisible()) {
          await save?.scrollIntoViewIfNeeded();
          await take(page, `dialog-${name}-end-${suffix}`, false);
        }
      }
      await page.close();
    }
  }, 900_000);
});
