import { defineConfig } from 'vitepress';
import { pages } from './pages.ts';
import { githubSlug } from './slug.ts';

/** What a page is called in the menu, where its name does not say it. */
const titles: Record<string, string> = {
  start: 'The first alert',
  http: 'HTTP',
  sql: 'SQL',
  'known-limits': 'What it cannot do',
  failures: 'When something breaks',
  migrate: 'Coming from another system',
  connecting: 'A Postgres of your own',
  limits: 'Limits of input',
  outgoing: 'Outgoing calls',
};

const titleOf = (page: string): string =>
  titles[page] ?? `${page.charAt(0).toUpperCase()}${page.slice(1).replaceAll('-', ' ')}`;

/**
 * The site that `npm run docs` builds from the Markdown files of this folder: searched in the browser, without a server of anybody.
 * A dead link ends the build.
 */
export default defineConfig({
  title: 'Watchpost',
  description: 'A face-recognition watchlist whose message broker is Postgres itself',
  lang: 'en',
  // "<this>" in a text is no component.
  markdown: {
    html: false,
    anchor: { slugify: githubSlug },
    config: (md) => {
      // Files of the repository are not part of the site: their names stay, without a link.
      md.core.ruler.push('outside', ({ tokens }) => {
        for (const { children } of tokens) {
          let outside = false;
          for (const token of children ?? []) {
            // Braces in code are no template of Vue.
            if (token.type === 'code_inline') token.attrSet('v-pre', '');
            if (token.type === 'link_open') outside = token.attrGet('href')?.startsWith('../') ?? false;
            const isEnd = token.type === 'link_close';
            if (outside && (token.type === 'link_open' || isEnd))
              Object.assign(token, { type: 'text', content: '' });
            if (isEnd) outside = false;
          }
        }
      });
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [],
    sidebar: pages.map(({ text, items }) => ({
      text,
      items: items.map((page) => ({ text: titleOf(page), link: `/${page}` })),
    })),
  },
});
