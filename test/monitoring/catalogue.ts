import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MetricObject, Registry } from 'prom-client';
import { databaseMetrics, processMetrics } from '../../src/monitoring/metrics/catalogue.ts';

/** A metric as docs/metrics.md lists it. */
export interface Listed {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Who answers it. */
  readonly by: 'every process' | 'API';
  /** The names of its series. */
  readonly series: readonly string[];
}

interface Described {
  readonly labelNames: readonly string[];
}

/** Every metric of Watchpost's own, in the order of the source. */
export const catalogue = (): Listed[] => {
  const listed = (metrics: object, registry: Registry, by: Listed['by']): Listed[] => {
    const described = new Map(registry.getMetricsAsArray().map((metric) => [metric.name, metric]));
    return (Object.values(metrics) as (Described & { name: string })[]).map(({ name, labelNames }) => {
      const { type, help } = described.get(name) as MetricObject;
      const series =
        String(type) === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];
      return { name, type: String(type), help, labels: labelNames, by, series };
    });
  };
  const [own, installation] = [new Registry(), new Registry()];
  return [
    ...listed(processMetrics([own]), own, 'every process'),
    ...listed(databaseMetrics([installation]), installation, 'API'),
  ];
};

const operations = new URL('../../operations/', import.meta.url);

/** The path of a file of operations/prometheus. */
export const rulesFile = (name: string): string => fileURLToPath(new URL(`prometheus/${name}`, operations));

/** The names of series in the rules and in each dashboard, by file. */
export const namesIn = (): [file: string, names: string[]][] => {
  const dashboards = readdirSync(new URL('grafana/', operations)).filter((name) => name.endsWith('.json'));
  return ['prometheus/rules.yml', ...dashboards.map((name) => `grafana/${name}`)].map((file) => {
    const text = readFileSync(new URL(file, operations), 'utf8');
    return [file, [...new Set(text.match(/\bwatchpost_[a-z0-9_]+/g))]];
  });
};

/** Runs promtool; undefined if it is not on the PATH. */
export const promtool = () => {
  const folder = (process.env.PATH ?? '').split(':').find((place) => existsSync(join(place, 'promtool')));
  if (!folder) return undefined;
  return (...args: string[]) => spawnSync(join(folder, 'promtool'), args, { encoding: 'utf8' });
};
