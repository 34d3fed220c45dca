import { Pause, Play } from 'lucide';
import { send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { Badge } from '../../components/badge.tsx';
import { Icon } from '../../components/icon.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import type { Pipeline } from './types.ts';

type Task = Pipeline['tasks'][number];

/** What each task does, in words. */
const does: Readonly<Record<string, string>> = {
  detect: 'finds faces',
  embed: 'makes vectors of them',
  match: 'compares them with the lists',
  alert: 'raises alerts',
  notify: 'says whom to tell',
  deliver: 'sends webhooks',
  enrol: 'enrols photos of people',
  backfill: 'searches the past',
  describe: 'estimates age and sex',
  alarms: 'looks after the installation',
  heads: 'sends seals to endpoints',
};

/** The stages of a photo, in their order. */
const way = ['detect', 'embed', 'match', 'alert', 'notify', 'deliver'];

/** The stages as a picture: the way of a photo with arrows, then what is beside it. */
export const Stages = ({ tasks, onChange }: { tasks: readonly Task[]; onChange: () => Promise<void> }) => {
  const onWay = way.flatMap((name) => tasks.find(({ task }) => task === name) ?? []);
  const beside = tasks.filter(({ task }) => !way.includes(task));
  return (
    <>
      <section class="part">
        <h2>From photo to alert</h2>
        <ol class="stages" data-way="">
          {onWay.map((task) => (
            <Stage key={task.task} task={task} onChange={onChange} />
          ))}
        </ol>
      </section>
      {beside.length > 0 && (
        <section class="part">
          <h2>Other tasks</h2>
          <ul class="stages">
            {beside.map((task) => (
              <Stage key={task.task} task={task} onChange={onChange} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
};

const ms = (value: number | null): string => {
  if (value === null) return '–';
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
};

const age = (seconds: number | null): string => {
  if (seconds === null) return '–';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
};

const Stage = ({ task, onChange }: { task: Task; onChange: () => Promise<void> }) => {
  const isPaused = task.paused_at !== null;
  const turn = async () => {
    try {
      await send('POST', `/v1/tasks/${task.task}/${isPaused ? 'resume' : 'pause'}`);
      say(isPaused ? `${task.task} goes on.` : `${task.task} is paused: its work waits.`);
      await onChange();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <li class="card stage" data-paused={isPaused ? '' : undefined}>
      <header>
        <h3>
          {task.task} {isPaused && <Badge tone="warning">paused</Badge>}
          {!task.enabled && <Badge>off</Badge>}
        </h3>
        {may('administer') && (
          <button
            type="button"
            class="icon-button"
            aria-label={`${isPaused ? 'Resume' : 'Pause'} ${task.task}`}
            title={isPaused ? 'Resume' : 'Pause'}
            onClick={() => void turn()}
          >
            <Icon of={isPaused ? Play : Pause} size={16} />
          </button>
        )}
      </header>
      <p class="faint small">{does[task.task] ?? 'a consumer of your own'}</p>
      <p class="stage-rate">
        <strong>{task.rate_1m.toFixed(task.rate_1m < 10 ? 1 : 0)}</strong> <span class="faint">a second</span>
      </p>
      <dl class="stage-facts">
        <dt>Waiting</dt>
        <dd>{task.waiting.toLocaleString('en')}</dd>
        <dt>Oldest</dt>
        <dd>{age(task.oldest_seconds)}</dd>
        <dt>Running</dt>
        <dd>{task.running}</dd>
        <dt>p50</dt>
        <dd>{ms(task.p50_ms)}</dd>
        <dt>p95</dt>
        <dd>{ms(task.p95_ms)}</dd>
        <dt>Retries</dt>
        <dd>{task.retries}</dd>
        <dt>Dead letters</dt>
        <dd>
          {task.dead_letters > 0 && may('administer') ? (
            <a class="warns" href="/console/pipeline/dead-letters">
              {task.dead_letters}
            </a>
          ) : (
            task.dead_letters
          )}
        </dd>
      </dl>
    </li>
  );
};
