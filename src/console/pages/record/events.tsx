import { ScrollText } from 'lucide';
import { useState } from 'preact/hooks';
import { type AnswerOf, answer, api } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { clock } from '../../components/ago.tsx';
import { CameraFilter } from '../../components/camera-filter.tsx';
import { Empty } from '../../components/empty.tsx';
import { DateFilter } from '../../components/filters.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Table } from '../../components/table.tsx';
import { beginningOf, Parts } from './parts.tsx';

type Event = Extract<
  AnswerOf<Awaited<ReturnType<typeof api.events.$get>>>,
  { events: unknown }
>['events'][number];

/** What is offered; any other may be typed. */
const topics = [
  'alert.raised',
  'alert.retroactive',
  'alert.reviewed',
  'alert.withdrawn',
  'alert.restored',
  'image.received',
  'face.detected',
  'face.embedded',
  'track.begun',
  'track.improved',
  'track.joined',
  'match.found',
  'match.withdrawn',
  'photo.added',
  'photo.removed',
  'person.enrolled',
  'person.changed',
  'person.merged',
  'person.unmerged',
  'cannot_link.added',
  'cannot_link.removed',
  'stranger.named',
  'watchlist.changed',
  'watchlist.person_added',
  'watchlist.person_removed',
  'camera.changed',
  'camera.silent',
  'camera.back',
  'plan.changed',
  'endpoint.changed',
  'notification.due',
  'key.changed',
  'key.refused',
  'site.changed',
  'retention.changed',
  'strangers.changed',
  'subscription.changed',
  'access.recorded',
  'backlog.old',
  'worker.lost',
  'vacuum.held',
];

/** The events with filters, the latest first. */
export const Events = () => {
  const [topic, setTopic] = useState('');
  const [camera, setCamera] = useState('');
  const [since, setSince] = useState('');
  const [until, setUntil] = useState('');
  const events = usePages<Event>(
    async (after) => {
      const from = beginningOf(since);
      const to = beginningOf(until, 1);
      const page = await answer(
        api.events.$get({
          query: {
            limit: '50',
            ...(topic.trim() ? { topic: topic.trim() } : {}),
            ...(camera ? { camera } : {}),
            ...(from ? { since: from } : {}),
            ...(to ? { until: to } : {}),
            ...(after ? { after } : {}),
          },
        }),
      );
      return { rows: page.events, next: page.next };
    },
    [topic, camera, since, until],
  );
  return (
    <Page title="Record" lead="Everything that happened, as it was written." toolbar={<Parts />}>
      <search class="filters">
        <input
          list="topics"
          aria-label="Topic"
          placeholder="Any topic"
          value={topic}
          onChange={(event) => setTopic(event.currentTarget.value)}
        />
        <datalist id="topics">
          {topics.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <CameraFilter camera={camera} onChange={setCamera} />
        <DateFilter label="From" value={since} onChange={setSince} />
        <DateFilter label="To" value={until} onChange={setUntil} />
      </search>
      <ProblemNote problem={events.problem} onRetry={events.reload} />
      {events.rows && (
        <Table
          label="Events"
          rows={events.rows}
          keyOf={({ id }) => id}
          onMore={events.more}
          columns={[
            { title: 'When', cell: ({ created_at }) => <span class="number">{clock(created_at)}</span> },
            { title: 'What', cell: (event) => <strong>{event.topic}</strong> },
            { title: 'About', cell: (event) => <About event={event} /> },
            { title: 'Content', isMinor: true, cell: (event) => <Content event={event} /> },
          ]}
          empty={<Empty icon={ScrollText} title="No event is like that" />}
        />
      )}
    </Page>
  );
};

/** Where what an event is about is shown. */
const About = ({ event }: { event: Event }) => {
  const { topic, subject_id: subject, image_id: image, payload } = event;
  const alert = topic.startsWith('alert.') ? String(payload.alert_id ?? subject) : undefined;
  const person = topic.startsWith('person.') ? subject : undefined;
  return (
    <span class="row-links">
      {alert && <a href={`/console/alerts/${alert}`}>alert</a>}
      {person && <a href={`/console/people/${person}`}>person</a>}
      {image && <a href={`/console/pipeline/images/${image}`}>photo</a>}
      {!alert && !person && !image && <code class="faint">{subject.slice(0, 8)}</code>}
    </span>
  );
};

/** Who has done it, where somebody has; else what there is to see. */
const inShort = ({ by, reviewer, ...rest }: Record<string, unknown>): string => {
  const who = by ?? reviewer;
  return who ? `by ${who}` : Object.keys(rest).slice(0, 4).join(', ') || 'nothing';
};

const Content = ({ event }: { event: Event }) =>
  event.erased ? (
    <span class="faint">erased, on record</span>
  ) : (
    <details class="payload">
      <summary>{inShort(event.payload)}</summary>
      <pre>{JSON.stringify(event.payload, null, 2)}</pre>
    </details>
  );
