import { ChevronLeft, Download, UserRound } from 'lucide';
import type { ComponentChildren } from 'preact';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago, clock } from '../../components/ago.tsx';
import { Badge, toneOfSeverity, toneOfState } from '../../components/badge.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { Icon } from '../../components/icon.tsx';
import { ImageFaces, type ImageReport } from '../../components/image-faces.tsx';
import { facesOf, placeOf } from '../../components/place.ts';
import { Scoped } from '../../components/scoped.tsx';
import { shortcutsAreOn } from '../../components/shortcuts.tsx';
import { Similarity } from '../../components/similarity.tsx';
import { Lineage, Timeline } from './alert-origin.tsx';
import { AlertPath } from './alert-path.tsx';

import { type AlertReport, bestOf, inWords, type Review, reviewsOf } from './reviews.ts';

type Quality = ImageReport['faces'][number]['quality'];

/** How good the view of the face was, in words and figures. */
const qualityInWords = ({ gate, height_px, yaw, score }: Quality): string =>
  `${gate.length === 0 ? 'good' : gate.join(', ').replaceAll('_', ' ')}: ${Math.round(height_px)} px high, turned ${Math.round(Math.abs(yaw))}°, detector ${score.toFixed(2)}`;

/** Both faces side by side: the one that was seen, and the enrolled one that it is most like. */
const Pair = ({ alert }: { alert: AlertReport }) => {
  const best = bestOf(alert);
  return (
    <div class="pair">
      <figure>
        <FaceLink faceId={alert.face_id} alt="The face that was seen" />
        <figcaption>
          Seen <Ago time={best?.captured_at ?? alert.last_seen} />
        </figcaption>
      </figure>
      <figure>
        <FaceLink faceId={best?.reference_face_id} alt="The enrolled face" />
        <figcaption>Enrolled {best?.enrolled_at && <Ago time={best.enrolled_at} />}</figcaption>
      </figure>
    </div>
  );
};

const Buttons = ({
  alert,
  isBusy,
  onReview,
}: {
  alert: AlertReport;
  isBusy: boolean;
  onReview: (review: Review) => void;
}) => (
  <fieldset class="review-buttons" disabled={isBusy}>
    <legend class="visually-hidden">Review</legend>
    {reviewsOf(alert).map((review) => (
      <button
        type="button"
        key={review.key}
        class={`button ${review.tone ?? ''}`}
        onClick={() => onReview(review)}
      >
        {review.label}
        {shortcutsAreOn.value && <kbd>{review.key.toUpperCase()}</kbd>}
      </button>
    ))}
  </fieldset>
);

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) =>
  children ? (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  ) : null;

const Facts = ({ alert, quality }: { alert: AlertReport; quality: Quality | undefined }) => {
  const best = bestOf(alert);
  return (
    <dl class="facts">
      <Fact name="Camera">{alert.camera && `${alert.camera}${alert.zone ? `, ${alert.zone}` : ''}`}</Fact>
      <Fact name="First seen">{clock(alert.first_seen)}</Fact>
      <Fact name="Last seen">{clock(alert.last_seen)}</Fact>
      <Fact name="Sightings">{String(alert.sightings)}</Fact>
      <Fact name="Track">
        {best?.track_id && (
          <a href={`/console/tracks/${best.track_id}`}>
            {facesOf(best.faces)}, from {clock(best.seen_at)} to {clock(best.seen_until)}
          </a>
        )}
      </Fact>
      <Fact name="Quality">{quality && qualityInWords(quality)}</Fact>
      <Fact name="Past">{alert.retroactive && 'found when the person was enrolled'}</Fact>
      <Fact name="Photo">{best?.image_damaged && 'its file is damaged'}</Fact>
      <Fact name="Enrolled photo">{best?.reference_image_damaged && 'its file is damaged'}</Fact>
      <Fact name="Waits for">{alert.awaiting}</Fact>
      <Fact name="Withdrawn">{alert.withdrawn_at && clock(alert.withdrawn_at)}</Fact>
    </dl>
  );
};

const Sightings = ({ alert }: { alert: AlertReport }) => {
  const others = alert.matches.filter((match) => match.face_id !== alert.face_id && match.stands);
  if (others.length === 0) return null;
  const damaged = new Set(alert.lineage.filter((row) => row.image_damaged).map((row) => row.match_id));
  return (
    <section>
      <h3>Other sightings</h3>
      <ol class="strip">
        {others.slice(0, 60).map((match) => (
          <li key={match.id}>
            <FaceLink faceId={match.face_id} alt={`Seen with similarity ${match.similarity.toFixed(2)}`} />
            <p>{clock(match.seen_at)}</p>
            {match.track_id && <a href={`/console/tracks/${match.track_id}`}>{facesOf(match.faces)}</a>}
            {placeOf(match) !== placeOf(alert) && <p class="faint">{placeOf(match)}</p>}
            {damaged.has(match.id) && <p class="faint">damaged file</p>}
          </li>
        ))}
      </ol>
    </section>
  );
};

const Reviews = ({ alert }: { alert: AlertReport }) => {
  if (alert.reviews.length === 0) return null;
  const undone = new Set(alert.reviews.map((review) => review.undoes));
  return (
    <section>
      <h3>Reviews</h3>
      <ol class="said">
        {alert.reviews.map((review) => (
          <li key={review.id}>
            <p>
              {undone.has(review.id) ? <s>{inWords(review)}</s> : <strong>{inWords(review)}</strong>}
              {undone.has(review.id) && ' (undone)'}
              <span class="faint">
                {' '}
                by {review.reviewer}, <Ago time={review.created_at} />
              </span>
            </p>
            {review.note && <blockquote>{review.note}</blockquote>}
          </li>
        ))}
      </ol>
    </section>
  );
};

/** Who has confirmed, where a list asks for two. */
const Reviewers = ({ alert }: { alert: AlertReport }) => {
  if (alert.reviewers_needed < 2) return null;
  const both = [alert.confirmed_by, alert.second_confirmed_by].filter((name) => name !== null);
  return (
    <p>
      <Badge tone={both.length === 2 ? 'good' : 'warning'}>{both.length} of 2 reviewers</Badge>{' '}
      <span class="faint">{both.length > 0 ? both.join(', ') : 'This list asks for two people.'}</span>
    </p>
  );
};

const Notifications = ({ alert }: { alert: AlertReport }) =>
  alert.notifications.length === 0 ? null : (
    <section>
      <h3>Told</h3>
      <ul class="said">
        {alert.notifications.map(({ id, endpoint, state, settled_at, attempts }) => (
          <li key={id}>
            {endpoint} <Badge tone={state === 'delivered' ? 'good' : 'neutral'}>{state}</Badge>{' '}
            <span class="faint">
              {settled_at && <Ago time={settled_at} />}
              {attempts !== null && attempts > 1 && `, ${attempts} attempts`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );

/** One alert: both faces, their similarity, the reviews it allows, place and time, the photo, and past reviews. */
export const AlertDetail = ({
  alert,
  back,
  isBusy,
  onReview,
}: {
  alert: AlertReport;
  /** The address of the list. */
  back: string;
  isBusy: boolean;
  onReview: (review: Review) => void;
}) => {
  const { data: image } = useAnswer(
    () => answer(api.images[':id'].$get({ param: { id: alert.image_id } })),
    [alert.image_id],
  );
  const quality = image?.faces.find((face) => face.id === alert.face_id)?.quality;
  return (
    <article class="alert-detail" data-severity={alert.severity} aria-label={`Alert of ${alert.person}`}>
      <header>
        <a class="icon-button back" href={back} aria-label="All alerts">
          <Icon of={ChevronLeft} />
        </a>
        <div>
          <h2 tabIndex={-1}>{alert.person}</h2>
          <p class="faint">
            {placeOf(alert)}, <Ago time={alert.last_seen} />
          </p>
        </div>
        <p class="badges">
          <Badge tone={toneOfSeverity(alert.severity)}>{alert.watchlist}</Badge>
          <Badge tone={toneOfState(alert.state)}>
            {alert.state}
            {alert.withdrawn_at && ', withdrawn'}
          </Badge>
        </p>
      </header>
      <div class="alert-top">
        <Pair alert={alert} />
        <div class="alert-decide">
          <Similarity value={alert.similarity} threshold={alert.threshold} inWords={alert.in_words} />
          <Scoped scope="review" otherwise={<p class="faint">Your key may not review alerts.</p>}>
            <Buttons alert={alert} isBusy={isBusy} onReview={onReview} />
          </Scoped>
          <Reviewers alert={alert} />
          <Facts alert={alert} quality={quality} />
        </div>
      </div>
      <ImageFaces
        id={alert.image_id}
        image={image}
        hit={{ face: alert.face_id, name: alert.person }}
        alt={`The photo from ${placeOf(alert)} with ${alert.person}`}
      />
      <Sightings alert={alert} />
      <AlertPath alert={alert} />
      <Reviews alert={alert} />
      <Notifications alert={alert} />
      <details>
        <summary>What it was made of</summary>
        <Lineage alert={alert} />
      </details>
      <details>
        <summary>Timeline of the photo</summary>
        {image && <Timeline image={image} />}
      </details>
      <p class="actions">
        <a class="button" href={`/console/people/${alert.person_id}`}>
          <Icon of={UserRound} size={16} />
          {alert.person}
        </a>
        <a class="button" href={`/v1/alerts/${alert.id}/evidence`} download>
          <Icon of={Download} size={16} />
          Evidence as a zip
        </a>
      </p>
    </article>
  );
};
