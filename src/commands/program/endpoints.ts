import { type Command, Option } from 'commander';
import {
  addEndpoint,
  changeEndpoint,
  findEndpoint,
  readDeliveries,
  readEndpoints,
  rotateSecret,
  testEndpoint,
} from '../../webhooks/endpoints.ts';
import { connect } from '../connect.ts';
import { table } from '../sql.ts';
import { once, stopper } from './context.ts';
import { named, position, seconds, several } from './options.ts';

/** endpoint: who is told of alerts, by signed POSTs. */
export const addEndpoints = (program: Command): void => {
  const endpoint = program.command('endpoint').description('Endpoints that are told of alerts');

  endpoint
    .command('add')
    .description('Add an endpoint and print its secret, this once')
    .argument('<name>', '', named)
    .argument('<url>', 'an https:// address')
    .option('--watchlist <name>', 'alerts of this list only; may be repeated', several, [])
    .addOption(
      new Option('--min-severity <word>', 'this severity or a higher one (default: info)').choices([
        'info',
        'warning',
        'critical',
      ]),
    )
    .option('--time-to-live <seconds>', 'how old a sighting may be when it is sent (default: 900)', seconds)
    .action(
      once(
        async (
          { config, log },
          name: string,
          url: string,
          options: { watchlist: string[]; minSeverity?: string; timeToLive?: number },
        ) => {
          const { db } = await connect(config, log, stopper);
          const made = await db.transaction().execute((trx) =>
            addEndpoint(
              trx,
              {
                name,
                url,
                watchlists: options.watchlist,
                min_severity: options.minSeverity,
                time_to_live_seconds: options.timeToLive,
              },
              { plainHttp: config.plainHttpWebhooks },
            ),
          );
          process.stdout.write(`${name}  ${made.id}\nsecret  ${made.secret}\n`);
          return true;
        },
      ),
    );

  endpoint
    .command('list')
    .description('List endpoints')
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, { json }: { json?: boolean }) => {
        const { db } = await connect(config, log, stopper);
        const endpoints = await readEndpoints(db);
        if (json) process.stdout.write(`${JSON.stringify(endpoints)}\n`);
        else
          process.stdout.write(
            endpoints.length > 0 ? `${table(endpoints.map(shortened))}\n` : 'no endpoints\n',
          );
        return true;
      }),
    );

  endpoint
    .command('test')
    .description('Send a test message and tell what came back; not 0 unless it was taken')
    .argument('<name>', 'name or id')
    .action(
      once(async ({ config, log }, name: string) => {
        const answer = await testEndpoint(await connect(config, log, stopper), name, 'the command line');
        process.stdout.write(
          `${answer.error ?? `It took the message: ${answer.status}.`}  ${Math.round(answer.durationMs)} ms\n`,
        );
        if (answer.answer) process.stdout.write(`${answer.answer}\n`);
        return answer.error === null;
      }),
    );

  endpoint
    .command('rotate')
    .description('Give an endpoint a new secret and print it, this once')
    .argument('<name>', 'name or id')
    .option('--keep <seconds>', 'how long the one before signs too', seconds, 86_400)
    .action(
      once(async ({ config, log }, name: string, { keep }: { keep: number }) => {
        const { db } = await connect(config, log, stopper);
        const id = await findEndpoint(db, name);
        const { secret, previous_until } = await db
          .transaction()
          .execute((trx) => rotateSecret(trx, id, keep));
        process.stdout.write(
          `secret  ${secret}\nthe one before signs until ${previous_until.toISOString()}\n`,
        );
        return true;
      }),
    );

  for (const [verb, description, done] of [
    ['enable', 'Let alerts be sent there (again)', 'enabled'],
    ['disable', 'Let nothing be sent there', 'disabled'],
    ['remove', 'Remove an endpoint; what was sent there stays on record', 'removed'],
  ] as const) {
    endpoint
      .command(verb)
      .description(description)
      .argument('<name>', 'name or id')
      .action(
        once(async ({ config, log }, name: string) => {
          const { db } = await connect(config, log, stopper);
          await changeEndpoint(db, await findEndpoint(db, name), verb);
          process.stdout.write(`${name} is ${done}\n`);
          return true;
        }),
      );
  }

  endpoint
    .command('deliveries')
    .description('Show the latest attempts to tell an endpoint of something')
    .argument('<name>', 'name or id')
    .option('--limit <number>', 'at most this many', position, 20)
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, name: string, { limit, json }: { limit: number; json?: boolean }) => {
        const { db } = await connect(config, log, stopper);
        const deliveries = await readDeliveries(db, await findEndpoint(db, name), limit);
        const shown = deliveries.map(
          ({ started_at, type, attempt, outcome, status, error, duration_ms, alert_id }) => ({
            started_at,
            type,
            attempt,
            outcome,
            status,
            duration_ms,
            error,
            alert_id,
          }),
        );
        if (json) process.stdout.write(`${JSON.stringify(deliveries)}\n`);
        else process.stdout.write(shown.length > 0 ? `${table(shown)}\n` : 'no deliveries\n');
        return true;
      }),
    );
};

const shortened = (endpoint: Awaited<ReturnType<typeof readEndpoints>>[number]) => ({
  name: endpoint.name,
  url: endpoint.url,
  lists: endpoint.watchlists.join(', ') || 'all',
  min_severity: endpoint.min_severity,
  ttl_seconds: endpoint.time_to_live_seconds,
  enabled: endpoint.enabled ? 'yes' : (endpoint.disabled_reason ?? 'no'),
  due: endpoint.due,
});
