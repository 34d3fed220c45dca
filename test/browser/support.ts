import { existsSync } from 'node:fs';
import axe, { type AxeResults } from 'axe-core';
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
  type Request,
} from 'playwright-core';
import { expect } from 'vitest';
import { atEnd } from '../support/at-end.ts';

/** The browser to drive; undefined: there is none. */
export const browserPath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

/** Appended to the title of tests that are skipped without a browser. */
export const needsBrowser = browserPath
  ? ''
  : ' (needs chromium: apt-get install chromium, or CHROMIUM=PATH)';

/** Starts the browser, until the test file has ended. It reaches nothing but this machine. */
export const openBrowser = async (): Promise<Browser> => {
  const browser = await chromium.launch({
    executablePath: browserPath as string,
    args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  atEnd(() => browser.close());
  return browser;
};

/** The sizes that the console is made for. */
export const sizes = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } } as const;

/** A tab of its own, with cookies of its own. An error of the page, or what its policy has refused, fails the test. */
export const openPage = async (
  browser: Browser,
  { size = 'wide', dark = false }: { size?: keyof typeof sizes; dark?: boolean } = {},
): Promise<{ page: Page; context: BrowserContext; errors: string[] }> => {
  const context = await browser.newContext({
    viewport: sizes[size],
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    ...(size === 'narrow' ? { hasTouch: true, isMobile: true, deviceScaleFactor: 2 } : {}),
  });
  const page = await context.newPage();
  watchRequests(page);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // Answers with an error status are told to the console too; which ones are right the tests say.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      errors.push(message.text());
  });
  return { page, context, errors };
};

/** Requests that have no answer yet, without the stream of alerts, which has none at all. */
const pending = new WeakMap<Page, Set<Request>>();

const watchRequests = (page: Page): void => {
  const open = new Set<Request>();
  pending.set(page, open);
  page.on('request', (request) => {
    if (request.resourceType() !== 'eventsource') open.add(request);
  });
  page.on('requestfinished', (request) => open.delete(request));
  page.on('requestfailed', (request) => open.delete(request));
};

/** Logs in by the page, as people do. */
export const logIn = async (page: Page, url: string, key: string): Promise<void> => {
  await page.goto(url);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
};

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Expects axe to find nothing in the page as it is now, by the rules of WCAG 2.2 AA and its own best practices. */
export const expectAccessible = async (
  page: Page,
  { within = 'html', runOnly = rules }: { within?: string; runOnly?: readonly string[] } = {},
): Promise<void> => {
  if (!(await page.evaluate('typeof axe === "object"'))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(${JSON.stringify(within)}, ${JSON.stringify({ runOnly })})`,
  );
  expect(
    violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.map((node) => [node.html, node.failureSummary]),
    })),
  ).toEqual([]);
};

/** Resolves when nothing loads any more and every picture in sight is there. */
export const settled = async (page: Page): Promise<void> => {
  await page.waitForLoadState('load');
  // What was answered is drawn, and may ask for more: four times in a row nothing is asked.
  for (let calm = 0; calm < 4; ) {
    await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 40)))');
    calm = pending.get(page)?.size === 0 ? calm + 1 : 0;
  }
  await page.waitForFunction(
    '[...document.images].every((image) => image.complete || image.loading === "lazy")',
  );
};

/** The files of a drop or of the clipboard, in the page. */
const transferOf = (page: Page, bytes: Buffer, name: string) =>
  page.evaluateHandle(`(() => {
    const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], '${name}', { type: 'image/jpeg' }));
    return transfer;
  })()`);

/** Drops a file on something, as from a folder. */
export const drop = async (target: Locator, bytes: Buffer, name = 'photo.jpg'): Promise<void> => {
  const dataTransfer = await transferOf(target.page(), bytes, name);
  await target.dispatchEvent('drop', { dataTransfer });
};

/** Pastes a picture into the page. */
export const paste = async (page: Page, bytes: Buffer, name = 'pasted.jpg'): Promise<void> => {
  const transfer = await transferOf(page, bytes, name);
  await page.evaluate<void, typeof transfer>(
    // As text: the tests have no types of the browser.
    `(transfer) => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }))`,
    transfer,
  );
};
