import { ArrowLeftRight, Plus } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { useRepeat } from '../../api/use-repeat.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { type Bridge, BridgeDialog } from './bridge-dialog.tsx';
import { formOfBridge } from './bridge-kinds.ts';
import { Parts } from './parts.tsx';

/** Seconds between two looks. */
const lookEvery = 5;

/** The bridges to brokers of others, with what they do and what is wrong. */
export const Bridges = () => {
  // Null: a new one.
  const [edited, setEdited] = useState<Bridge | null>();
  const { data, problem, reload } = useAnswer(
    () => answer(api.bridges.$get({ query: { limit: '200' } })),
    [],
  );
  useRepeat(reload, lookEvery);
  const all = data?.bridges;
  return (
    <Page
      title="Bridges"
      lead="Brokers of others: events are published there, or their messages become photos."
      toolbar={
        <>
          <Parts />
          <Scoped scope="administer">
            <button type="button" class="button primary" onClick={() => setEdited(null)}>
              <Icon of={Plus} size={18} />
              Add a bridge
            </button>
          </Scoped>
        </>
      }
    >
      <ProblemNote problem={problem} onRetry={() => void reload()} />
      {all?.length === 0 && (
        <Empty icon={ArrowLeftRight} title="No bridge yet">
          A bridge publishes events at Kafka, RabbitMQ, NATS, MQTT or Celery, or takes photos from there. A
          process of its own does the work of all of them: <code>npm run watchpost -- bridge</code>
        </Empty>
      )}
      {all?.some(({ enabled }) => enabled) &&
        all.every(({ connected, error }) => !connected && error === null) && (
          <p class="faint">
            No process has connected yet. Start one: <code>npm run watchpost -- bridge</code>
          </p>
        )}
      <ul class="endpoints">
        {all?.map((bridge) => (
          <li key={bridge.id} class="card endpoint">
            <BridgeCard bridge={bridge} onChange={() => void reload()} onEdit={() => setEdited(bridge)} />
          </li>
        ))}
      </ul>
      {edited !== undefined && (
        <BridgeDialog
          bridge={edited ?? undefined}
          onClose={() => setEdited(undefined)}
          onDone={() => {
            setEdited(undefined);
            void reload();
          }}
        />
      )}
    </Page>
  );
};

const BridgeCard = ({
  bridge,
  onChange,
  onEdit,
}: {
  bridge: Bridge;
  onChange: () => void;
  onEdit: () => void;
}) => {
  const [isBusy, setBusy] = useState(false);
  const { name, direction, enabled } = bridge;
  const call = async (work: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await work();
      onChange();
    } catch (thrown) {
      sayProblem(thrown);
    } finally {
      setBusy(false);
    }
  };
  const turn = () => call(() => send('POST', `/v1/bridges/${bridge.id}/${enabled ? 'disable' : 'enable'}`));
  const remove = () =>
    call(async () => {
      const yes = await confirm({
        title: `Remove ${name}?`,
        text: `${direction === 'out' ? 'Nothing is published there' : 'No photo comes from there'} any more; what came through it stays on record.`,
        go: 'Remove',
        danger: true,
      });
      if (!yes) return;
      await send('DELETE', `/v1/bridges/${bridge.id}`);
      say(`${name} is removed.`);
    });
  return (
    <>
      <header class="part-head">
        <div>
          <h2>{name}</h2>
          <p class="faint endpoint-url">
            {formOfBridge(bridge.kind).title} · {bridge.url} · {bridge.address}
          </p>
        </div>
        <State bridge={bridge} />
      </header>
      {enabled && bridge.error !== null && <p class="problem">{bridge.error}</p>}
      <p>
        {direction === 'out' ? (
          <>Publishes {bridge.topics.join(', ')}</>
        ) : (
          <>
            Takes photos
            {bridge.camera !== null && ` of ${bridge.camera}, unless a message names another camera`}
          </>
        )}
        . <Done bridge={bridge} />
      </p>
      <Scoped scope="administer">
        <div class="actions">
          <button type="button" class="button" disabled={isBusy} onClick={onEdit}>
            Change<span class="visually-hidden"> {name}</span>
          </button>
          <button type="button" class="button" disabled={isBusy} onClick={() => void turn()}>
            Switch {enabled ? 'off' : 'on'}
            <span class="visually-hidden"> {name}</span>
          </button>
          <button type="button" class="button danger" disabled={isBusy} onClick={() => void remove()}>
            Remove<span class="visually-hidden"> {name}</span>
          </button>
        </div>
      </Scoped>
    </>
  );
};

const State = ({ bridge: { enabled, connected, connected_at } }: { bridge: Bridge }) => {
  if (!enabled) return <Badge>off</Badge>;
  if (!connected || connected_at === null) return <Badge tone="critical">not connected</Badge>;
  return (
    <Badge tone="good">
      <span>
        connected <Ago time={connected_at} />
      </span>
    </Badge>
  );
};

/** What came through, what waits, and since when. */
const Done = ({ bridge }: { bridge: Bridge }) => {
  const { direction, published, received, refused, last_at, waiting, waiting_since } = bridge;
  const messages = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'message' : 'messages'}`;
  return (
    <span class="faint">
      {direction === 'out' ? `${messages(published)} published` : `${messages(received)} received`}
      {last_at !== null && (
        <>
          , the last <Ago time={last_at} />
        </>
      )}
      {refused > 0 && `; ${refused.toLocaleString('en')} of them were refused`}.{' '}
      {waiting > 0 && waiting_since !== null && (
        <Badge tone="warning">
          <span>
            {waiting.toLocaleString('en')} {waiting === 1 ? 'waits' : 'wait'}, the first came{' '}
            <Ago time={waiting_since} />
          </span>
        </Badge>
      )}
    </span>
  );
};
