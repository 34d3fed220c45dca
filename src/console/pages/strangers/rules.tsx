import { BellPlus } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Badge, toneOfSeverity } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { shortWeekdays } from '../../components/weekdays.tsx';
import { RuleDialog } from './rule-dialog.tsx';
import { StrangerAlerts } from './stranger-alerts.tsx';
import type { StrangerRule } from './types.ts';

/** The rules about people who are on no list, and all alerts that they have led to. */
export const Rules = () => {
  const [open, setOpen] = useState<StrangerRule | 'new'>();
  const rules = useAnswer(() => answer(api['stranger-rules'].$get({ query: { limit: '500' } })), []);
  const cameras = useAnswer(() => answer(api.cameras.$get({ query: { limit: '500' } })), []);
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  const all = cameras.data?.cameras ?? [];
  const remove = async (rule: StrangerRule) => {
    const yes = await confirm({
      title: `Remove ${rule.name}?`,
      text: 'Its alerts are removed with it. To keep them, switch it off instead.',
      go: 'Remove',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/stranger-rules/${rule.id}`);
      say(`${rule.name} is removed.`);
      await rules.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  const columns: readonly Column<StrangerRule>[] = [
    { title: 'Rule', by: (rule) => rule.name, cell: (rule) => <strong>{rule.name}</strong> },
    {
      title: 'Severity',
      cell: (rule) => <Badge tone={toneOfSeverity(rule.severity)}>{rule.severity}</Badge>,
    },
    {
      title: 'About',
      cell: (rule) =>
        rule.visits === null
          ? 'Everybody unknown'
          : `Strangers on visit ${rule.visits} or later in ${Math.round(rule.within_seconds / 86_400)} days`,
    },
    {
      title: 'Where',
      cell: (rule) =>
        rule.cameras
          ?.map((id) => all.find((camera) => camera.id === id)?.location ?? 'a removed camera')
          .join(', ') ?? 'All cameras',
    },
    { title: 'When', cell: whenOf },
    {
      title: 'State',
      cell: (rule) => (
        <Badge tone={rule.enabled ? 'good' : 'neutral'}>{rule.enabled ? 'in force' : 'off'}</Badge>
      ),
    },
    ...(may('administer')
      ? [
          {
            title: 'Actions',
            cell: (rule: StrangerRule) => (
              <span class="row-actions">
                <button type="button" class="button" onClick={() => setOpen(rule)}>
                  Change<span class="visually-hidden"> {rule.name}</span>
                </button>
                <button type="button" class="button danger" onClick={() => void remove(rule)}>
                  Remove<span class="visually-hidden"> {rule.name}</span>
                </button>
              </span>
            ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title="Alerts about strangers"
      lead={<a href="/console/strangers">All strangers</a>}
      toolbar={
        <Scoped scope="administer">
          <button type="button" class="button primary" onClick={() => setOpen('new')}>
            New rule
          </button>
        </Scoped>
      }
    >
      <ProblemNote problem={rules.problem} onRetry={rules.reload} />
      {rules.data?.rules.length === 0 && (
        <Empty icon={BellPlus} title="No rules">
          A rule raises an alert when somebody who is on no list is seen, or when a stranger returns.
        </Empty>
      )}
      {rules.data && rules.data.rules.length > 0 && (
        <Table label="Rules" columns={columns} rows={rules.data.rules} keyOf={({ id }) => id} />
      )}
      <StrangerAlerts />
      {open && (
        <RuleDialog
          rule={open === 'new' ? undefined : open}
          cameras={all}
          lists={lists.data?.watchlists ?? []}
          onClose={() => {
            setOpen(undefined);
            void rules.reload();
          }}
        />
      )}
    </Page>
  );
};

const whenOf = (rule: StrangerRule): string => {
  const of = rule.days ? shortWeekdays(rule.days) : 'Every day';
  return rule.hours ? `${of}, ${rule.hours.from} to ${rule.hours.until} (${rule.time_zone})` : of;
};
