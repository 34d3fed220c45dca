import { KeyRound, Plus } from 'lucide';
import { useState } from 'preact/hooks';
import { type AnswerOf, answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago, clock } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { Table } from '../../components/table.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { Parts } from './parts.tsx';
import { Secret } from './secret.tsx';

type Key = AnswerOf<Awaited<ReturnType<typeof api.keys.$get>>>['keys'][number];

const scopes = [
  ['submit', 'submit photos'],
  ['read', 'read'],
  ['enrol', 'enrol people'],
  ['review', 'review alerts'],
  ['administer', 'administer: everything'],
] as const;

/** The API keys: one for each person, camera and program. */
export const Keys = () => {
  const [isAdding, setAdding] = useState(false);
  const [made, setMade] = useState<{ name: string; key: string }>();
  const keys = useAnswer(() => answer(api.keys.$get({ query: { limit: '500' } })), []);
  const rotate = async (key: Key) => {
    const yes = await confirm({
      title: `Replace the key ${key.name}?`,
      text: 'The one before is valid for another day.',
      go: 'Replace',
    });
    if (!yes) return;
    try {
      const rotated = await send<{ key: string }>('POST', `/v1/keys/${key.id}/rotate`, {});
      setMade({ name: key.name, key: rotated.key });
      await keys.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  const revoke = async (key: Key) => {
    const yes = await confirm({
      title: `Revoke the key ${key.name}?`,
      text: 'It is refused within five seconds, and those who are logged in with it are logged out. This cannot be undone.',
      go: 'Revoke',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/keys/${key.id}`);
      say(`The key ${key.name} is revoked.`);
      await keys.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <Page
      title="Keys"
      lead="One for each person, camera and program: the record calls them by its name."
      toolbar={
        <>
          <Parts />
          <Scoped scope="administer">
            <button type="button" class="button primary" onClick={() => setAdding(true)}>
              <Icon of={Plus} size={18} />
              New key
            </button>
          </Scoped>
        </>
      }
    >
      <ProblemNote problem={keys.problem} onRetry={() => void keys.reload()} />
      {keys.data && (
        <Table
          label="Keys"
          rows={keys.data.keys}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Name', by: ({ name }) => name, cell: ({ name }) => <strong>{name}</strong> },
            {
              title: 'State',
              by: ({ state }) => state,
              cell: ({ state, expires_at }) => (
                <>
                  <Badge tone={state === 'valid' ? 'good' : 'neutral'}>{state}</Badge>
                  {state === 'valid' && expires_at && <span class="faint"> until {clock(expires_at)}</span>}
                </>
              ),
            },
            { title: 'May', cell: (key) => key.scopes.join(', ') },
            { title: 'Bound to', cell: (key) => boundsOf(key) },
            {
              title: 'Last used',
              by: ({ last_used_at }) => last_used_at,
              cell: ({ last_used_at }) =>
                last_used_at ? <Ago time={last_used_at} /> : <span class="faint">never</span>,
            },
            { title: 'Made by', isMinor: true, cell: (key) => key.created_by },
            {
              title: 'Actions',
              cell: (key) =>
                key.state === 'valid' && (
                  <span class="row-actions">
                    <button type="button" class="button" onClick={() => void rotate(key)}>
                      Replace<span class="visually-hidden"> {key.name}</span>
                    </button>
                    <button type="button" class="button danger" onClick={() => void revoke(key)}>
                      Revoke<span class="visually-hidden"> {key.name}</span>
                    </button>
                  </span>
                ),
            },
          ]}
          empty={<Empty icon={KeyRound} title="No key" />}
        />
      )}
      {isAdding && (
        <NewKey
          onClose={() => setAdding(false)}
          onMade={(key) => {
            setAdding(false);
            setMade(key);
            void keys.reload();
          }}
        />
      )}
      {made && (
        <Secret title={`The key ${made.name}`} secret={made.key} onClose={() => setMade(undefined)}>
          Give it to who it is for.
        </Secret>
      )}
    </Page>
  );
};

const boundsOf = ({ sites, cameras, watchlists }: Key) => {
  const count = (ids: readonly string[] | null, one: string) =>
    ids ? [`${ids.length} ${one}${ids.length === 1 ? '' : 's'}`] : [];
  const all = [...count(sites, 'site'), ...count(cameras, 'camera'), ...count(watchlists, 'list')];
  return all.length > 0 ? all.join(', ') : <span class="faint">not bound</span>;
};

const NewKey = ({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (made: { name: string; key: string }) => void;
}) => {
  const known = useAnswer(async () => {
    const [{ sites }, { cameras }, { watchlists }] = await Promise.all([
      answer(api.sites.$get()),
      answer(api.cameras.$get({ query: { limit: '500' } })),
      answer(api.watchlists.$get({ query: { limit: '500' } })),
    ]);
    return { sites, cameras, watchlists };
  }, []);
  if (!known.data) return null;
  const { sites, cameras, watchlists } = known.data;
  return (
    <FormDialog
      title="New key"
      go="Make the key"
      onClose={onClose}
      onSave={async (fields) => {
        const name = fields.text('name');
        const bound = (of: string) => {
          const chosen = fields.all(of);
          return chosen.length > 0 ? { [of]: chosen } : {};
        };
        const day = fields.text('expires');
        const made = await send<{ key: string }>('POST', '/v1/keys', {
          name,
          scopes: fields.all('scopes'),
          ...bound('sites'),
          ...bound('cameras'),
          ...bound('watchlists'),
          ...(day ? { expires_at: `${day}T00:00:00Z` } : {}),
        });
        onMade({ name, key: made.key });
      }}
    >
      <TextField
        label="Name"
        name="name"
        required
        maxLength={200}
        hint="Whose it is: front desk, gate camera."
      />
      <ManyField label="May" name="scopes" values={['read', 'review']} options={scopes} />
      <TextField label="Until" name="expires" type="date" hint="Empty: until it is revoked." />
      {sites.length > 1 && (
        <ManyField
          label="Only these sites"
          name="sites"
          values={[]}
          options={sites.map(({ id, name }) => [id, name] as const)}
        />
      )}
      <ManyField
        label="Only these cameras"
        name="cameras"
        values={[]}
        options={cameras.map(({ id, location }) => [id, location] as const)}
      />
      <ManyField
        label="Only these lists"
        name="watchlists"
        values={[]}
        options={watchlists.map(({ id, name }) => [id, name] as const)}
      />
    </FormDialog>
  );
};
