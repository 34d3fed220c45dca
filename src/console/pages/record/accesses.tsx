import { Eye } from 'lucide';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { type AnswerOf, answer, api } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { clock } from '../../components/ago.tsx';
import { Empty } from '../../components/empty.tsx';
import { DateFilter } from '../../components/filters.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Table } from '../../components/table.tsx';
import { beginningOf, Parts } from './parts.tsx';

type Access = AnswerOf<Awaited<ReturnType<typeof api.access.$get>>>['accesses'][number];

const actions = ['photo', 'crop', 'search', 'compare', 'detect', 'export', 'evidence', 'report'] as const;

/** A kind of things with its article. */
const articleOf = (kind: string): string => `${/^[aeio]/.test(kind) ? 'an' : 'a'} ${kind}`;

/** Who looked at photos and people, and searched by photo. */
export const Accesses = () => {
  const { query: asked, route } = useLocation();
  const person = asked.person;
  const [actor, setActor] = useState('');
  const [action, setAction] = useState<'' | (typeof actions)[number]>('');
  const [since, setSince] = useState('');
  const [until, setUntil] = useState('');
  const accesses = usePages<Access>(
    async (after) => {
      const from = beginningOf(since);
      const to = beginningOf(until, 1);
      const query = {
        limit: '50',
        ...(person ? { person } : {}),
        ...(actor.trim() ? { actor: actor.trim() } : {}),
        ...(action ? { action } : {}),
        ...(from ? { since: from } : {}),
        ...(to ? { until: to } : {}),
        ...(after ? { after } : {}),
      };
      const page = await answer(api.access.$get({ query }));
      return { rows: page.accesses, next: page.next };
    },
    [person, actor, action, since, until],
  );
  return (
    <Page
      title="Who looked"
      lead="At photos, faces and people, and who searched by photo."
      toolbar={<Parts />}
    >
      <search class="filters">
        <input
          aria-label="Who"
          placeholder="Who, as api:front desk"
          value={actor}
          onChange={(event) => setActor(event.currentTarget.value)}
        />
        <select
          aria-label="What was done"
          value={action}
          onChange={(event) => setAction(event.currentTarget.value as typeof action)}
        >
          <option value="">Everything</option>
          {actions.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <DateFilter label="From" value={since} onChange={setSince} />
        <DateFilter label="To" value={until} onChange={setUntil} />
        {person && (
          <button type="button" class="button" onClick={() => route('/console/record/access')}>
            Of everybody
          </button>
        )}
      </search>
      {person && (
        <p>
          Of <a href={`/console/people/${person}`}>one person</a> only.
        </p>
      )}
      <ProblemNote problem={accesses.problem} onRetry={accesses.reload} />
      {accesses.rows && (
        <Table
          label="Accesses"
          rows={accesses.rows}
          keyOf={({ id }) => id}
          onMore={accesses.more}
          columns={[
            { title: 'When', cell: ({ at }) => <span class="number">{clock(at)}</span> },
            { title: 'Who', cell: (access) => <strong>{access.actor}</strong> },
            {
              title: 'What',
              cell: (access) => (
                <>
                  {access.action}
                  {access.subject && <span class="faint"> of {articleOf(access.subject.kind)}</span>}
                  {access.times > 1 && <span class="faint"> × {access.times}</span>}
                </>
              ),
            },
            {
              title: 'Of whom',
              cell: ({ person_ids: ids }) => (
                <span class="row-links">
                  {ids.slice(0, 3).map((id, index) => (
                    <a key={id} href={`/console/people/${id}`}>
                      person{ids.length > 1 ? ` ${index + 1}` : ''}
                    </a>
                  ))}
                  {ids.length > 3 && <span class="faint">and {ids.length - 3} more</span>}
                  {ids.length === 0 && <span class="faint">nobody known</span>}
                </span>
              ),
            },
            { title: 'Why', cell: ({ reason }) => reason ?? <span class="faint">not said</span> },
          ]}
          empty={<Empty icon={Eye} title="Nobody looked" />}
        />
      )}
    </Page>
  );
};
