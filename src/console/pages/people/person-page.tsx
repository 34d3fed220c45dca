import { Combine, Pencil, Trash2 } from 'lucide';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api, send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { clock } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { EditPerson } from './edit-person.tsx';
import { MergeDialog } from './merge-dialog.tsx';
import { Merged } from './merged.tsx';
import { NotThem } from './not-them.tsx';
import { Photos } from './photos.tsx';
import { legalBases, type PersonReport } from './types.ts';
import { Whereabouts } from './whereabouts.tsx';

/** One person: photos, lists, where they were seen, who they are not, and what can be done. */
export const PersonPage = ({ id }: { id: string }) => {
  const { route } = useLocation();
  const [open, setOpen] = useState<'edit' | 'merge'>();
  const [turn, setTurn] = useState(0);
  const person = useAnswer(() => answer(api.persons[':id'].$get({ param: { id } })), [id]);
  const again = () => {
    setTurn((before) => before + 1);
    return person.reload();
  };
  const { data } = person;
  const remove = async () => {
    if (!data) return;
    const yes = await confirm({
      title: `Delete ${data.name}?`,
      text: 'Their photos, vectors, sightings and alerts are deleted with them. This cannot be undone.',
      go: 'Delete',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/persons/${id}`);
      say(`${data.name} is deleted.`);
      route('/console/people');
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <Page
      title={data?.name ?? 'Person'}
      lead={<a href="/console/people">All people</a>}
      toolbar={
        <>
          <Scoped scope="enrol">
            <button type="button" class="button" onClick={() => setOpen('edit')} disabled={!data}>
              <Icon of={Pencil} size={16} />
              Change
            </button>
            <button type="button" class="button" onClick={() => setOpen('merge')} disabled={!data}>
              <Icon of={Combine} size={16} />
              Merge
            </button>
          </Scoped>
          <Scoped scope="administer">
            <button type="button" class="button danger" onClick={() => void remove()} disabled={!data}>
              <Icon of={Trash2} size={16} />
              Delete
            </button>
          </Scoped>
        </>
      }
    >
      <ProblemNote problem={person.problem} onRetry={() => void again()} />
      {data && (
        <>
          <Head person={data} />
          <Photos person={data} onChange={again} />
          <Whereabouts person={data} turn={turn} onChange={again} />
          <NotThem person={data} turn={turn} onChange={again} />
          <Merged person={data} onChange={again} />
        </>
      )}
      {open === 'edit' && data && (
        <EditPerson
          person={data}
          onClose={() => {
            setOpen(undefined);
            void again();
          }}
        />
      )}
      {open === 'merge' && data && (
        <MergeDialog
          person={data}
          onClose={() => {
            setOpen(undefined);
            void again();
          }}
        />
      )}
    </Page>
  );
};

const Head = ({ person }: { person: PersonReport }) => {
  const best = person.photos.find((photo) => photo.best) ?? person.photos.find((photo) => photo.face_id);
  return (
    <section class="person-head card" aria-label="About">
      <div class="person-face">
        <FaceLink faceId={best?.face_id} alt={person.name} />
      </div>
      <dl class="facts">
        <dt>Lists</dt>
        <dd class="badges-line">
          {person.watchlists.map((list) => (
            <Badge key={list.id} tone="info">
              {list.name}
            </Badge>
          ))}
          {person.watchlists.length === 0 && <span class="faint">on none: no alert is raised</span>}
        </dd>
        {person.external_ref && (
          <>
            <dt>Reference</dt>
            <dd>{person.external_ref}</dd>
          </>
        )}
        <dt>Legal basis</dt>
        <dd>
          {legalBases.find(([value]) => value === person.legal_basis)?.[1] ??
            person.legal_basis.replaceAll('_', ' ')}
        </dd>
        <dt>Kept until</dt>
        <dd>{person.keep_until ? clock(person.keep_until) : 'somebody deletes them'}</dd>
        <dt>Added</dt>
        <dd>{clock(person.created_at)}</dd>
        {may('administer') && (
          <>
            <dt>On record</dt>
            <dd>
              <a href={`/console/record/access?person=${person.id}`}>Who looked at them</a>
              {' · '}
              <a href={`/v1/persons/${person.id}/report`} target="_blank" rel="noreferrer">
                Access report
              </a>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
};
