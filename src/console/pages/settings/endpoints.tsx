import { Plus, Send, Webhook } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { Deliveries } from './deliveries.tsx';
import { type Endpoint, EndpointDialog } from './endpoint-dialog.tsx';
import { titleOf } from './endpoint-kinds.ts';
import { Parts } from './parts.tsx';
import { Secret } from './secret.tsx';

const kinds: Readonly<Record<Endpoint['sends'], string>> = {
  alerts: 'alerts',
  alarms: 'alarms of the installation',
  both: 'alerts and alarms',
  heads: 'seals of the record',
};

/** The endpoints, with a test and what went wrong. */
export const Endpoints = () => {
  // Null: a new one.
  const [edited, setEdited] = useState<Endpoint | null>();
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const endpoints = useAnswer(() => answer(api.endpoints.$get({ query: { limit: '200' } })), []);
  const all = endpoints.data?.endpoints;
  return (
    <Page
      title="Endpoints"
      lead="Where alerts are sent: servers of yours, and services that people have on their phones."
      toolbar={
        <>
          <Parts />
          <Scoped scope="administer">
            <button type="button" class="button primary" onClick={() => setEdited(null)}>
              <Icon of={Plus} size={18} />
              Add an endpoint
            </button>
          </Scoped>
        </>
      }
    >
      <ProblemNote problem={endpoints.problem} onRetry={() => void endpoints.reload()} />
      {all?.length === 0 && (
        <Empty icon={Webhook} title="No endpoint yet">
          Add a chat, a mail server, a broker, or a server that takes webhooks.
        </Empty>
      )}
      <ul class="endpoints">
        {all?.map((endpoint) => (
          <li key={endpoint.id} class="card endpoint">
            <EndpointCard
              endpoint={endpoint}
              onChange={() => void endpoints.reload()}
              onEdit={() => setEdited(endpoint)}
              onSecret={(secret) => setMade({ name: endpoint.name, secret })}
            />
          </li>
        ))}
      </ul>
      {edited !== undefined && (
        <EndpointDialog
          endpoint={edited ?? undefined}
          onClose={() => setEdited(undefined)}
          onDone={({ name, secret }) => {
            setEdited(undefined);
            if (secret !== null) setMade({ name, secret });
            void endpoints.reload();
          }}
        />
      )}
      {made && (
        <Secret title={`The secret of ${made.name}`} secret={made.secret} onClose={() => setMade(undefined)}>
          The server checks the signature of each message with it.
        </Secret>
      )}
    </Page>
  );
};

const EndpointCard = ({
  endpoint,
  onChange,
  onEdit,
  onSecret,
}: {
  endpoint: Endpoint;
  onChange: () => void;
  onEdit: () => void;
  onSecret: (secret: string) => void;
}) => {
  const [turn, setTurn] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const call = async (work: () => Promise<void>) => {
    setBusy(true);
    try {
      await work();
      setTurn((before) => before + 1);
      onChange();
    } catch (thrown) {
      sayProblem(thrown);
    } finally {
      setBusy(false);
    }
  };
  const post = <T,>(verb: string) => send<T>('POST', `/v1/endpoints/${endpoint.id}/${verb}`);
  const test = () =>
    call(async () => {
      const { status, error, durationMs } = await post<{
        status: number | null;
        error: string | null;
        durationMs: number;
      }>('test');
      say(
        error === null
          ? `${endpoint.name} has taken it${status === null ? '' : `: ${status}`}, in ${Math.round(durationMs)} ms.`
          : `${endpoint.name} does not take it. ${error}`,
      );
    });
  const rotate = () =>
    call(async () => {
      const { secret } = await post<{ secret: string }>('rotate');
      onSecret(secret);
    });
  const remove = () =>
    call(async () => {
      const yes = await confirm({
        title: `Remove ${endpoint.name}?`,
        text: 'It is told of nothing any more; what was told stays on record.',
        go: 'Remove',
        danger: true,
      });
      if (yes) await send('DELETE', `/v1/endpoints/${endpoint.id}`);
    });
  return (
    <>
      <header class="part-head">
        <div>
          <h2>{endpoint.name}</h2>
          <p class="faint endpoint-url">
            {titleOf(endpoint.kind)} · {endpoint.url}
            {Object.entries(endpoint.settings).map(
              ([name, value]) => ` · ${name.replaceAll('_', ' ')} ${value}`,
            )}
          </p>
        </div>
        <Badge tone={endpoint.enabled ? 'good' : 'critical'}>{endpoint.enabled ? 'on' : 'off'}</Badge>
      </header>
      {endpoint.disabled_reason && <p class="problem">{endpoint.disabled_reason}</p>}
      <p>
        Is told of {kinds[endpoint.sends]}
        {endpoint.watchlists.length > 0 && ` of ${endpoint.watchlists.join(', ')}`}
        {endpoint.site && ` at ${endpoint.site}`}
        {endpoint.min_severity !== 'info' && `, from ${endpoint.min_severity} on`}.{' '}
        {Number(endpoint.due) > 0 && <Badge tone="warning">{endpoint.due} wait to be sent</Badge>}
        {endpoint.previous_secret_until && (
          <span class="faint">
            The secret before is valid, too, until <Ago time={endpoint.previous_secret_until} />.
          </span>
        )}
      </p>
      <Scoped scope="administer">
        <div class="actions">
          <button type="button" class="button primary" disabled={isBusy} onClick={() => void test()}>
            <Icon of={Send} size={16} />
            Test<span class="visually-hidden"> {endpoint.name}</span>
          </button>
          <button type="button" class="button" disabled={isBusy} onClick={onEdit}>
            Change<span class="visually-hidden"> {endpoint.name}</span>
          </button>
          <button
            type="button"
            class="button"
            disabled={isBusy}
            onClick={() => void call(() => post(endpoint.enabled ? 'disable' : 'enable'))}
          >
            Switch {endpoint.enabled ? 'off' : 'on'}
            <span class="visually-hidden"> {endpoint.name}</span>
          </button>
          {endpoint.kind === 'webhook' && (
            <button type="button" class="button" disabled={isBusy} onClick={() => void rotate()}>
              New secret<span class="visually-hidden"> of {endpoint.name}</span>
            </button>
          )}
          <button type="button" class="button danger" disabled={isBusy} onClick={() => void remove()}>
            Remove<span class="visually-hidden"> {endpoint.name}</span>
          </button>
        </div>
      </Scoped>
      <Deliveries id={endpoint.id} name={endpoint.name} turn={turn} />
    </>
  );
};
