import { UserRoundPlus, UsersRound } from 'lucide';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { usePages } from '../../api/use-pages.ts';
import { Empty } from '../../components/empty.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { ChoiceFilter } from '../../components/filters.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { AddPerson } from './add-person.tsx';
import type { Person } from './types.ts';

/** Everybody who is enrolled, found by a part of the name or by list. */
export const PersonList = () => {
  const { route } = useLocation();
  const [query, setQuery] = useState('');
  const [list, setList] = useState('');
  const [isAdding, setAdding] = useState(false);
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  const people = usePages(
    async (after) => {
      const wanted = {
        limit: '60',
        ...(query.trim() ? { query: query.trim() } : {}),
        ...(list ? { watchlist: list } : {}),
        ...(after ? { after } : {}),
      };
      const { persons, next } = await answer(api.persons.$get({ query: wanted }));
      return { rows: persons, next };
    },
    [query, list],
  );
  const isFiltered = query.trim() !== '' || list !== '';
  return (
    <Page
      title="People"
      toolbar={
        <Scoped scope="enrol">
          <button type="button" class="button primary" onClick={() => setAdding(true)}>
            <Icon of={UserRoundPlus} size={18} />
            Add a person
          </button>
        </Scoped>
      }
    >
      <search class="filters">
        <input
          type="search"
          aria-label="Part of the name"
          placeholder="Part of the name"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
        <ChoiceFilter
          label="List"
          all="All lists"
          value={list}
          options={lists.data?.watchlists.map(({ id, name }) => ({ value: id, title: name }))}
          onChange={setList}
        />
      </search>
      <ProblemNote problem={people.problem} onRetry={people.reload} />
      {people.rows?.length === 0 && (
        <Empty icon={UsersRound} title={isFiltered ? 'Nobody of that name' : 'Nobody is enrolled yet'}>
          {isFiltered ? 'Try fewer letters, or all lists.' : 'Add a person with a photo or two.'}
        </Empty>
      )}
      <ul class="people">
        {people.rows?.map((person) => (
          <li key={person.id}>
            <PersonCard person={person} />
          </li>
        ))}
      </ul>
      {people.more && (
        <button type="button" class="button more" onClick={people.more}>
          Load more
        </button>
      )}
      {isAdding && (
        <AddPerson
          lists={lists.data?.watchlists ?? []}
          onClose={(id) => {
            setAdding(false);
            if (id) route(`/console/people/${id}`);
          }}
        />
      )}
    </Page>
  );
};

const PersonCard = ({ person }: { person: Person }) => (
  <a class="person-card" href={`/console/people/${person.id}`}>
    <FaceCrop faceId={person.best_photo?.face_id} />
    <strong>{person.name}</strong>
    <span class="faint">{person.watchlists.map(({ name }) => name).join(', ') || 'on no list'}</span>
    <span class="faint">
      {person.references === 0 ? (
        <span class="warns">no photo is enrolled</span>
      ) : (
        `${person.references} photo${person.references === 1 ? '' : 's'}`
      )}
    </span>
  </a>
);
