import { TriangleAlert } from 'lucide';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { useRepeat } from '../../api/use-repeat.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Table } from '../../components/table.tsx';
import { Parts } from './parts.tsx';
import { Stages } from './stages.tsx';
import type { Pipeline } from './types.ts';

/** Seconds between two looks. */
const lookEvery = 5;

/** The stages with what waits at each, alarms, the processes, and what holds vacuum back. */
export const Overview = () => {
  const { data, problem, reload } = useAnswer(() => answer(api.pipeline.$get()), []);
  useRepeat(reload, lookEvery);
  return (
    <Page title="Pipeline" toolbar={<Parts />}>
      <ProblemNote problem={problem} onRetry={() => void reload()} />
      {data && (
        <>
          <Alarms alarms={data.alarms} />
          <Stages tasks={data.tasks} onChange={reload} />
          <Workers workers={data.workers} />
          <Vacuum holders={data.vacuum} />
        </>
      )}
    </Page>
  );
};

const alarmWords: Readonly<Record<string, string>> = {
  'camera.silent': 'A camera sends no photos',
  'backlog.old': 'Work has waited too long',
  'worker.lost': 'A worker was lost',
  'vacuum.held': 'Something keeps vacuum from its work',
};

const Alarms = ({ alarms }: { alarms: Pipeline['alarms'] }) =>
  alarms.length === 0 ? null : (
    <section class="part" aria-label="Alarms">
      <ul class="alarms">
        {alarms.map((alarm) => (
          <li key={alarm.id}>
            <Icon of={TriangleAlert} size={18} />
            <span>
              <strong>{alarmWords[alarm.kind] ?? alarm.kind}</strong>{' '}
              {String(alarm.details.location ?? alarm.details.name ?? alarm.subject)}{' '}
              <span class="faint">
                since <Ago time={alarm.since} />
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );

const workerTones = { alive: 'good', silent: 'warning', lost: 'critical' } as const;

const Workers = ({ workers }: { workers: Pipeline['workers'] }) => (
  <section class="part">
    <h2>Processes</h2>
    <Table
      label="Processes"
      rows={workers}
      keyOf={({ id }) => id}
      columns={[
        {
          title: 'Process',
          by: (worker) => worker.host,
          cell: (worker) => (
            <span>
              <strong>{worker.host}</strong> <span class="faint">pid {worker.pid}</span>
            </span>
          ),
        },
        {
          title: 'State',
          by: (worker) => worker.state,
          cell: (worker) => <Badge tone={workerTones[worker.state]}>{worker.state}</Badge>,
        },
        {
          title: 'Does',
          cell: (worker) => (worker.concurrency === 0 ? 'serves the API' : worker.tasks.join(', ')),
        },
        { title: 'At a time', isNumber: true, cell: (worker) => worker.concurrency || '' },
        { title: 'Running', isNumber: true, cell: (worker) => worker.running },
        { title: 'Heartbeat', cell: (worker) => <Ago time={worker.last_seen} /> },
        { title: 'Since', isMinor: true, cell: (worker) => <Ago time={worker.started_at} /> },
        { title: 'Version', isMinor: true, cell: (worker) => worker.version },
      ]}
      empty={<p class="problem">No worker is running: photos are taken, and wait.</p>}
    />
  </section>
);

const Vacuum = ({ holders }: { holders: Pipeline['vacuum'] }) => (
  <section class="part">
    <h2>Vacuum</h2>
    {holders.length === 0 ? (
      <p class="faint">Nothing keeps Postgres from removing deleted rows.</p>
    ) : (
      <ul class="alarms">
        {holders.map((holder) => (
          <li key={holder.subject}>
            <Icon of={TriangleAlert} size={18} />
            <span>
              <strong>{holder.subject}</strong> {holder.found} <span class="faint">{holder.remedy}</span>
            </span>
          </li>
        ))}
      </ul>
    )}
  </section>
);
