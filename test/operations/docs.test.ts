import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pages } from '../../docs/.vitepress/pages.ts';
import { githubSlug } from '../../docs/.vitepress/slug.ts';
import { settings } from '../../src/config.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = globSync(['*.md', 'docs/*.md', 'src/**/*.md'], { cwd: root });
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** Text without what is code. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

const anchorsOf = (file: string): string[] =>
  [
    ...read(file)
      .replace(/^```[\s\S]*?^```/gm, '')
      .matchAll(/^#+ (.*)$/gm),
  ].map(([, title]) => githubSlug(title as string));

describe('the documentation', () => {
  it.each(files)('%s leads to files and headings that there are', (file) => {
    const dead = [...prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return [];
      const [path = '', anchor] = target.split('#');
      const to = path === '' ? file : relative(root, join(root, dirname(file), path));
      if (!existsSync(join(root, to))) return [target];
      return anchor !== undefined && to.endsWith('.md') && !anchorsOf(to).includes(anchor) ? [target] : [];
    });
    expect(dead).toEqual([]);
  });

  it('has every page in its menu, once', () => {
    const listed = pages.flatMap(({ items }) => items).toSorted();
    const there = globSync('docs/*.md', { cwd: root }).map((file) => file.slice(5, -3));
    expect(listed).toEqual(there.filter((page) => page !== 'index').toSorted());
  });

  it('says what each setting is', () => {
    const named = new Set(read('docs/settings.md').match(/(?<=`)[A-Z][A-Z_]+(?=`)/g));
    expect(Object.keys(settings.shape).filter((name) => !named.has(name))).toEqual([]);
  });

  it('begins with a README of one screen', () => {
    expect(read('README.md').split('\n').length).toBeLessThan(50);
  });
});
