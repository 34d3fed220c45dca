import { ChevronLeft, Download } from 'lucide';
import type { ComponentChildren } from 'preact';
import { Ago, clock } from '../../components/ago.tsx';
import { Badge, toneOfSeverity, toneOfState } from '../../components/badge.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { Icon } from '../../components/icon.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { shortcutsAreOn } from '../../components/shortcuts.tsx';
import { Similarity } from '../../components/similarity.tsx';
import { AlertFrame } from './alert-frame.tsx';
import { type AlertReport, bestOf, inWords, placeOf, type Review, reviewsOf } from './reviews.ts';

/** Both faces side by side: the one that was seen, and the enrolled one that it is most like. */
const Pair = ({ alert }: { alert: AlertReport }) => {
  const best = bestOf(alert);
  return (
    <div class="pair">
      <figure>
        <FaceCrop faceId={alert.face_id} alt="The face that was seen" />
        <figcaption>
          Seen <Ago time={best?.captured_at ?? alert.last_seen} />
        </figcaption>
      </figure>
      <figure>
        <FaceCrop faceId={best?.reference_face_id} alt="The enrolled face" />
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

const Facts = ({ alert }: { alert: AlertReport }) => {
  const best = bestOf(alert);
  return (
    <dl class="facts">
      <Fact name="Camera">{alert.camera && `${alert.camera}${alert.zone ? `, ${alert.zone}` : ''}`}</Fact>
      <Fact name="First seen">{clock(alert.first_seen)}</Fact>
      <Fact name="Last seen">{clock(alert.last_seen)}</Fact>
      <Fact name="Sightings">{String(alert.sightings)}</Fact>
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
            <FaceCrop faceId={match.face_id} alt={`Seen with similarity ${match.similarity.toFixed(2)}`} />
            <p>{clock(match.captured_at)}</p>
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
}) => (
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
    <Pair alert={alert} />
    <Similarity value={alert.similarity} threshold={alert.threshold} />
    <Scoped scope="review" otherwise={<p class="faint">Your key may not review alerts.</p>}>
      <Buttons alert={alert} isBusy={isBusy} onReview={onReview} />
    </Scoped>
    <AlertFrame alert={alert} />
    <Facts alert={alert} />
    <Sightings alert={alert} />
    <Reviews alert={alert} />
    <p>
      <a class="button" href={`/v1/alerts/${alert.id}/evidence`} download>
        <Icon of={Download} size={16} />
        Evidence
      </a>
    </p>
  </article>
);
