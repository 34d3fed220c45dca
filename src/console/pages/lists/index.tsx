import { BellRing, ListChecks, Plus, Volume2 } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Badge, toneOfSeverity } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { ListDialog } from './list-dialog.tsx';
import { PagingDialog } from './paging-dialog.tsx';
import './lists.css';
import type { List } from './types.ts';

/** The watchlists: what each is for, how its alerts look and sound, and which photos are compared with it. */
export default () => {
  const [open, setOpen] = useState<List | 'new'>();
  const [paged, setPaged] = useState<List>();
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  const cameras = useAnswer(() => answer(api.cameras.$get({ query: { limit: '500' } })), []);
  const all = cameras.data?.cameras ?? [];
  const remove = async (list: List) => {
    const yes = await confirm({
      title: `Delete ${list.name}?`,
      text: 'Its matches and alerts are deleted with it. To keep them, switch it off instead. The people stay.',
      go: 'Delete',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/watchlists/${list.id}`);
      say(`${list.name} is deleted.`);
      await lists.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  const columns: readonly Column<List>[] = [
    { title: 'List', by: (list) => list.name, cell: (list) => <Name list={list} /> },
    {
      title: 'Severity',
      by: (list) => ['critical', 'warning', 'info'].indexOf(list.severity),
      cell: (list) => <Badge tone={toneOfSeverity(list.severity)}>{list.severity}</Badge>,
    },
    {
      title: 'People',
      isNumber: true,
      by: (list) => list.persons,
      cell: (list) => list.persons,
    },
    {
      title: 'Threshold',
      isNumber: true,
      by: (list) => list.threshold,
      cell: (list) => (
        <>
          {list.threshold.toFixed(3)}
          {list.target_fpir !== null && (
            <span class="faint"> 1 in {Math.round(1 / list.target_fpir).toLocaleString('en')}</span>
          )}
        </>
      ),
    },
    { title: 'Alerts', cell: (list) => <Alerting list={list} /> },
    {
      title: 'Compared with photos of',
      cell: (list) => watchedBy(list, all),
    },
    {
      title: 'State',
      by: (list) => (list.in_force ? 0 : 1),
      cell: (list) => (
        <Badge tone={list.in_force ? 'good' : 'neutral'}>
          {list.in_force ? 'in force' : list.enabled ? 'outside its time' : 'off'}
        </Badge>
      ),
    },
    ...(may('administer')
      ? [
          {
            title: 'Actions',
            cell: (list: List) => (
              <span class="row-actions">
                <button type="button" class="button" onClick={() => setOpen(list)}>
                  Change<span class="visually-hidden"> {list.name}</span>
                </button>
                <button type="button" class="button" onClick={() => setPaged(list)}>
                  Paging<span class="visually-hidden"> of {list.name}</span>
                </button>
                <button type="button" class="button danger" onClick={() => void remove(list)}>
                  Delete<span class="visually-hidden"> {list.name}</span>
                </button>
              </span>
            ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title="Lists"
      lead="Whoever is on a list that is in force raises an alert when a camera sees them."
      toolbar={
        <Scoped scope="administer">
          <button type="button" class="button primary" onClick={() => setOpen('new')}>
            <Icon of={Plus} size={18} />
            New list
          </button>
        </Scoped>
      }
    >
      <ProblemNote problem={lists.problem} onRetry={() => void lists.reload()} />
      {lists.data && (
        <Table
          label="Lists"
          rows={lists.data.watchlists}
          columns={columns}
          keyOf={({ id }) => id}
          empty={
            <Empty icon={ListChecks} title="No list yet">
              Add one, then people to it.
            </Empty>
          }
        />
      )}
      {paged && <PagingDialog list={paged} onClose={() => setPaged(undefined)} />}
      {open && (
        <ListDialog
          list={open === 'new' ? undefined : open}
          cameras={all}
          onClose={() => {
            setOpen(undefined);
            void lists.reload();
          }}
        />
      )}
    </Page>
  );
};

const Name = ({ list }: { list: List }) => (
  <span class="list-name">
    <i
      class="swatch"
      aria-hidden="true"
      data-severity={list.severity}
      style={list.color ? { background: list.color } : {}}
    />
    <span>
      <strong>{list.name}</strong>
      <span class="faint list-purpose">{list.purpose}</span>
    </span>
  </span>
);

const Alerting = ({ list }: { list: List }) => (
  <ul class="alerting">
    <li>
      <Icon of={Volume2} size={14} /> {list.sound === 'none' ? 'silent' : list.sound}
    </li>
    {list.must_acknowledge && (
      <li>
        <Icon of={BellRing} size={14} /> until acknowledged
      </li>
    )}
    {list.reviewers > 1 && <li>two reviewers</li>}
    {list.min_looks > 1 && <li>from {list.min_looks} looks on</li>}
    {list.min_share > 0 && <li>from {Math.round(list.min_share * 100)}% of the looks on</li>}
  </ul>
);

/** Which photos are compared with a list, in words. */
const watchedBy = (
  { cameras, zones }: List,
  all: readonly { readonly id: string; readonly location: string }[],
) => {
  if (!cameras && !zones) return 'all cameras';
  const places = (cameras ?? []).map((id) => all.find((camera) => camera.id === id)?.location ?? 'a camera');
  return [...places, ...(zones ?? []).map((zone) => `zone ${zone}`)].join(', ');
};
