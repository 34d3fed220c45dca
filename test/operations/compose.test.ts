import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settings } from '../../src/config.ts';
import { secretSettings } from '../../src/secret-files.ts';
import { temporaryFolder } from '../commands/support.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const file = readFileSync(join(root, 'docker-compose.yml'), 'utf8');

interface Service {
  readonly image: string;
  readonly build?: object;
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly volumes?: string[];
  readonly read_only?: boolean;
  readonly init?: boolean;
  readonly cap_drop?: string[];
  readonly security_opt?: string[];
  readonly profiles?: string[];
  readonly ports?: string[];
  readonly healthcheck?: { test: string[] };
  readonly depends_on?: Record<string, { condition: string }>;
  readonly deploy?: { resources?: { limits?: Record<string, unknown> } };
}
const compose: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(file, {
  merge: true,
});
const services = Object.entries(compose.services);
const programs = services.filter(([, { build }]) => build);

/** Which OpenTelemetry reads itself. */
const ofOpenTelemetry = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_SERVICE_NAME',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
];

describe('docker-compose.yml', () => {
  it('passes every setting through, and no other', () => {
    // Of this composition itself, or of what it does not have.
    const own = ['DATABASE_URL', 'DATABASE_PASSWORD', 'HOST', 'PORT', 'WATCHPOST_DATA', 'WATCHPOST_MODELS'];
    const without = ['WATCHPOST_DATABASE_PORT', 'WATCHPOST_ALIVE_FILE'];
    const known = Object.keys(settings.shape);
    const wanted = known
      .filter((name) => ![...own, ...without].includes(name))
      // A secret that can be in a file is not in the environment.
      .filter((name) => !known.includes(`${name}_FILE`))
      .map((name) => ((secretSettings as readonly string[]).includes(name) ? `${name}_FILE` : name));
    expect(programs.map(([name]) => name)).toEqual(['migrate', 'api', 'bridge', 'worker']);
    for (const [name, { environment = {} }] of programs) {
      const passed = Object.entries(environment).filter(([setting, value]) => value === `\${${setting}:-}`);
      const ours = passed.map(([setting]) => setting).filter((setting) => !ofOpenTelemetry.includes(setting));
      expect(ours.toSorted(), name).toEqual(wanted.toSorted());
      for (const setting of Object.keys(environment))
        expect([...known, ...secretSettings.map((one) => `${one}_FILE`), ...ofOpenTelemetry], name).toContain(
          setting,
        );
    }
  });

  it('starts each of its programs with a command that there is', async () => {
    const { commands } = await import('../../src/commands/catalogue.ts');
    const names = commands.flatMap((entry) => entry.names);
    for (const [, { command }] of programs) expect(names).toContain(command?.[0]);
  });

  it('has no password in it, and gives none in the environment', () => {
    expect(file).not.toMatch(/PASSWORD: /);
    expect(file).not.toMatch(/postgres:\/\/\w+:\w/);
  });

  it.each(services)(
    'confines %s: a root that cannot be written to, no capabilities, init',
    (name, service) => {
      expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'] });
      expect(service.security_opt).toContain('no-new-privileges:true');
      for (const port of service.ports ?? []) expect(port, name).toMatch(/127\.0\.0\.1/);
    },
  );

  it('limits and checks what runs all the time', () => {
    for (const name of ['api', 'worker', 'postgres']) {
      expect(compose.services[name]?.deploy?.resources?.limits, name).toMatchObject({
        pids: expect.any(Number),
      });
      expect(compose.services[name]?.healthcheck?.test, name).toBeInstanceOf(Array);
    }
  });

  it('names services and volumes that there are', () => {
    for (const [name, { depends_on = {}, volumes = [] }] of services) {
      for (const other of Object.keys(depends_on))
        expect(Object.keys(compose.services), name).toContain(other);
      for (const volume of volumes) {
        const [source = ''] = volume.replace(/\$\{\w+:-([^}]*)\}/, '$1').split(':');
        if (/^\w/.test(source)) expect(Object.keys(compose.volumes), name).toContain(source);
      }
    }
  });

  it('takes every image from a variable with a tag of one version, which operations/compose/pin pins to a digest', () => {
    const images = services.filter(([, { build }]) => !build).map(([, { image }]) => image);
    for (const image of images) expect(image).toMatch(/^\$\{[A-Z]+_IMAGE:-[a-z/-]+:v?\d+\.\d+\.\d+[\w-]*\}$/);
    expect(file).toContain('NODE_IMAGE: ${NODE_IMAGE:-node:24-');
    const docker = readFileSync(join(root, 'Dockerfile'), 'utf8');
    expect(docker).toMatch(/^ARG NODE_IMAGE=node:24-/m);
    for (const from of docker.match(/^FROM .*$/gm) ?? [])
      expect(from).toMatch(/^FROM \$\{NODE_IMAGE\}( AS \w+)?$/);
  });
});

/** A folder with a program of this name in it, which a script finds first. */
const withProgram = async (name: string, script: string) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  return { folder, env: { PATH: `${folder}:${process.env.PATH}` } };
};

describe('operations/compose', () => {
  it('pin prints a setting with a digest for each image', async () => {
    const { env } = await withProgram('docker', 'for last; do :; done; echo "sha256:of-$last"');
    const printed = execFileSync('sh', [join(root, 'operations/compose/pin')], { env, encoding: 'utf8' });
    expect(printed).toMatch(/^POSTGRES_IMAGE=(pgvector\/pgvector:\S+)@sha256:of-\1$/m);
    expect(
      printed
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0]),
    ).toEqual(['GRAFANA_IMAGE', 'NODE_IMAGE', 'POSTGRES_IMAGE', 'PROMETHEUS_IMAGE']);
  });

  it.each([
    [
      16_000,
      {},
      [
        'shared_buffers=2000MB',
        'effective_cache_size=6000MB',
        'maintenance_work_mem=1000MB',
        'work_mem=31MB',
      ],
    ],
    [
      16_000,
      { POSTGRES_MEMORY_MB: '1024' },
      ['shared_buffers=256MB', 'maintenance_work_mem=128MB', 'work_mem=4MB'],
    ],
    [256_000, {}, ['shared_buffers=32000MB', 'maintenance_work_mem=2048MB']],
  ])('start-postgres gives Postgres its share of %i MB, with %j', async (total, given, expected) => {
    const { folder, env } = await withProgram('docker-entrypoint.sh', 'printf "%s\\n" "$@"');
    await writeFile(join(folder, 'meminfo'), `MemTotal:       ${total * 1024} kB\nMemFree: 1 kB\n`);
    const printed = execFileSync('sh', [join(root, 'operations/compose/start-postgres'), '-c', 'fsync=on'], {
      env: { ...env, ...given, MEMINFO: join(folder, 'meminfo') },
      encoding: 'utf8',
    });
    const parts = printed.trim().split('\n');
    expect(parts[0]).toBe('postgres');
    expect(parts.at(-1)).toBe('fsync=on');
    expect(parts).toEqual(expect.arrayContaining(expected));
  });
});
