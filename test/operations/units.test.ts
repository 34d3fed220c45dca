import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { settings } from '../../src/config.ts';
import { secretSettings } from '../../src/secret-files.ts';
import { temporaryFolder } from '../commands/support.ts';

const operations = fileURLToPath(new URL('../../operations/', import.meta.url));
const settingNames = [...Object.keys(settings.shape), ...secretSettings.map((name) => `${name}_FILE`)];

/** Whether a program can be started here. */
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).error === undefined;

const units = readdirSync(join(operations, 'systemd')).filter((name) => /\.(service|timer)$/.test(name));

describe('the units of systemd', () => {
  it.skipIf(!has('systemd-analyze', '--version'))(
    'are what systemd-analyze verify accepts (needs systemd-analyze)',
    async () => {
      // Programs and folders of an installation are not here: their place is taken by what is.
      const folder = await temporaryFolder();
      for (const name of units) {
        const text = readFileSync(join(operations, 'systemd', name), 'utf8');
        writeFileSync(join(folder, name), text.replaceAll('/opt/watchpost', folder));
      }
      mkdirSync(join(folder, 'docs'));
      cpSync(join(operations, 'systemd/backup'), join(folder, 'operations/systemd/backup'));
      const named = units.map((name) => join(folder, name.replace('@.', '@one.')));
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...named], {
        encoding: 'utf8',
      });
      const own = stderr.split('\n').filter((line) => line.includes('watchpost'));
      expect({ status, own }).toEqual({ status: 0, own: [] });
    },
  );

  it.each(units.filter((name) => name.endsWith('.service')))(
    '%s sets what is a setting, and is confined',
    (name) => {
      const text = readFileSync(join(operations, 'systemd', name), 'utf8');
      for (const [, setting] of text.matchAll(/^Environment=(\w+)=/gm))
        expect(settingNames).toContain(setting);
      expect(text).toMatch(/^User=watchpost$/m);
      expect(text).toMatch(/^NoNewPrivileges=true$/m);
      expect(text).toMatch(/^ProtectSystem=strict$/m);
    },
  );
});

describe('the manifests of Kubernetes', () => {
  const documents = ['watchpost', 'bridge'].flatMap((file) =>
    parseAllDocuments(readFileSync(join(operations, `kubernetes/${file}.yaml`), 'utf8')).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS();
    }),
  );
  const named = (kind: string, name: string) =>
    documents.find((one) => one.kind === kind && one.metadata.name === name);
  const pods = documents.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.template.spec);

  it.each(documents.map((one) => [`${one.kind} ${one.metadata.name}`, one] as const))(
    '%s is what the schema of Kubernetes allows',
    async (_, document) => {
      const { [document.kind]: Model } = await import(
        `kubernetes-models/${document.apiVersion}/${document.kind}`
      );
      expect(() => new Model(document).validate()).not.toThrow();
      expect(() =>
        new Model({ ...document, spec: 5, data: 5, automountServiceAccountToken: 'no' }).validate(),
      ).toThrow();
    },
  );

  it('set what is a setting', () => {
    const names = [
      ...Object.keys(named('ConfigMap', 'watchpost').data),
      ...pods.flatMap(({ containers }) =>
        containers.flatMap(({ env = [] }: { env?: { name: string }[] }) => env.map(({ name }) => name)),
      ),
    ];
    expect(names.filter((name) => !settingNames.includes(name))).toEqual([]);
  });

  it('name volumes, labels, ports and services that there are', () => {
    for (const { containers, initContainers, volumes } of pods)
      for (const { volumeMounts } of [...containers, ...initContainers])
        for (const { name } of volumeMounts)
          expect(volumes.map((one: { name: string }) => one.name)).toContain(name);
    for (const { kind, spec } of documents.filter(({ kind }) =>
      ['Service', 'PodDisruptionBudget'].includes(kind),
    )) {
      const selected = spec.selector.matchLabels ?? spec.selector;
      expect(named('Deployment', 'watchpost-api').spec.template.metadata.labels, kind).toMatchObject(
        selected,
      );
    }
    expect(named('HorizontalPodAutoscaler', 'watchpost-worker').spec.scaleTargetRef.name).toBe(
      'watchpost-worker',
    );
  });

  it('start each container with a command that there is', async () => {
    const { commands } = await import('../../src/commands/catalogue.ts');
    const names = commands.flatMap((entry) => entry.names);
    const started = pods.flatMap(({ containers, initContainers }) =>
      [...initContainers, ...containers].map(({ args }) => args[0]),
    );
    expect(started).toEqual(['migrate', 'up', 'migrate', 'work', 'migrate', 'bridge']);
    expect(names).toEqual(expect.arrayContaining(started));
  });

  it('confine every container', () => {
    for (const { containers, initContainers } of pods)
      for (const { securityContext, resources } of [...containers, ...initContainers]) {
        expect(securityContext).toMatchObject({
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
        });
        expect(resources.limits.memory).toBeDefined();
      }
  });
});

describe('the configuration of proxies', () => {
  it.skipIf(!has('caddy', 'version'))('is what caddy validate accepts (needs caddy)', async () => {
    const env = { ...process.env, HOME: await temporaryFolder(), XDG_DATA_HOME: await temporaryFolder() };
    const file = join(operations, 'caddy/Caddyfile');
    execFileSync('caddy', ['validate', '--adapter', 'caddyfile', '--config', file], { env, stdio: 'pipe' });
  });

  it.skipIf(!has('nginx', '-v') || !has('openssl', 'version'))(
    'is what nginx -t accepts (needs nginx and openssl)',
    async () => {
      const folder = await temporaryFolder();
      const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')];
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-subj',
          '/CN=x',
          '-keyout',
          key,
          '-out',
          certificate,
        ],
        { stdio: 'pipe' },
      );
      const text = readFileSync(join(operations, 'nginx/watchpost.conf'), 'utf8')
        .replace(/^(\s*ssl_certificate )\s*\S+;/m, `$1${certificate};`)
        .replace(/^(\s*ssl_certificate_key )\s*\S+;/m, `$1${key};`);
      writeFileSync(
        join(folder, 'nginx.conf'),
        `pid ${folder}/pid; error_log stderr; events {} http { access_log off;
       client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       ${text} }`,
      );
      execFileSync('nginx', ['-t', '-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'pipe' });
    },
  );
});
