import { answer, api } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Table } from '../../components/table.tsx';

/** What was sent to an endpoint, the latest first, with what went wrong. */
export const Deliveries = ({ id, name, turn }: { id: string; name: string; turn: number }) => {
  const deliveries = usePages(
    async (after) => {
      const query = { limit: '5', ...(after ? { after } : {}) };
      const page = await answer(api.endpoints[':id'].deliveries.$get({ param: { id }, query }));
      return { rows: page.deliveries, next: page.next };
    },
    [id, turn],
  );
  return (
    <>
      <ProblemNote problem={deliveries.problem} />
      {deliveries.rows && (
        <Table
          label={`Sent to ${name}`}
          rows={deliveries.rows}
          keyOf={({ id: one }) => one}
          onMore={deliveries.more}
          columns={[
            { title: 'When', cell: (one) => <Ago time={one.started_at} /> },
            {
              title: 'What',
              cell: (one) =>
                one.alert_id ? (
                  <a href={`/console/alerts/${one.alert_id}`}>{one.type ?? 'alert'}</a>
                ) : (
                  (one.type ?? 'a test')
                ),
            },
            {
              title: 'Answer',
              cell: (one) => (
                <>
                  <Badge tone={one.outcome === 'delivered' ? 'good' : 'critical'}>
                    {one.status ?? one.outcome ?? 'none'}
                  </Badge>{' '}
                  {one.error && <span class="faint">{one.error}</span>}
                </>
              ),
            },
            { title: 'Attempt', isNumber: true, cell: (one) => one.attempt },
            {
              title: 'Took',
              isNumber: true,
              cell: (one) => (one.duration_ms === null ? '' : `${Math.round(one.duration_ms)} ms`),
            },
          ]}
          empty={<p class="faint">Nothing was sent yet.</p>}
        />
      )}
    </>
  );
};
