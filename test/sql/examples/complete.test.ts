import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { examplesFolder } from '../../support/examples.ts';

describe('sql/examples', () => {
  it('has no file that no test runs', () => {
    const here = new URL('.', import.meta.url);
    const tests = readdirSync(here).map((name) => readFileSync(new URL(name, here), 'utf8'));
    const tested = new Set(
      tests.flatMap((text) => [...text.matchAll(/\brun\(\s*'([^']+)'/g)].map((call) => call[1])),
    );
    expect(readdirSync(examplesFolder).filter((name) => !tested.has(name))).toEqual([]);
  });
});
