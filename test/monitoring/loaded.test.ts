import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const files = globSync('**/*.ts', { cwd: root });

/** The modules that a file loads as it is loaded itself: without types, and without what is imported later. */
const loadedBy = (file: string): string[] =>
  [
    ...readFileSync(root + file, 'utf8').matchAll(
      /^(?:import|export) (?!type )[^;]*?from '([^']+)'|^import '([^']+)'/gm,
    ),
  ]
    .map(([, from, bare]) => from ?? bare ?? '')
    .filter(Boolean);

it('metrics and traces are loaded only where they are configured', () => {
  expect(files.length).toBeGreaterThan(300);
  const outside = files.filter((file) => !/^monitoring\/(metrics|tracing)\//.test(file));
  const loading = outside.flatMap((file) =>
    loadedBy(file)
      .filter((module) =>
        /prom-client|@opentelemetry|monitoring\/(metrics|tracing)\/|^\.\/(metrics|tracing)\//.test(module),
      )
      .map((module) => `${file} loads ${module}`),
  );
  expect(loading).toEqual([]);
  // The check sees what it looks for.
  expect(loadedBy('monitoring/metrics/catalogue.ts')).toContain('prom-client');
});
