import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);

describe('the path of a photo in CONTRIBUTING', async () => {
  const text = await readFile(new URL('CONTRIBUTING.md', root), 'utf8');
  const [, section = ''] = /## Follow a photo\n([\s\S]*?)\n## /.exec(text) ?? [];
  const steps = [...section.matchAll(/^\| \[([^\]]+)\]\(([^)]+)\) \| .* \| (?:`([^`]+)`)? ?\|$/gm)].map(
    ([, file, link, word]) => ({ file: file as string, link, word }),
  );

  it('has 14 files at most, each once', () => {
    expect(steps.length).toBeGreaterThan(1);
    expect(steps.length).toBeLessThanOrEqual(14);
    expect(new Set(steps.map(({ file }) => file)).size).toBe(steps.length);
    expect(steps.map(({ link }) => link)).toEqual(steps.map(({ file }) => file));
  });

  it.each(steps.slice(0, -1).map((step, index) => ({ ...step, next: steps[index + 1]?.file as string })))(
    '$file hands over to $next by $word',
    async ({ file, next, word }) => {
      for (const one of [file, next]) {
        expect(await readFile(new URL(one, root), 'utf8'), one).toContain(word);
      }
    },
  );
});
