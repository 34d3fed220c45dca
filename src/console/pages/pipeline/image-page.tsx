import { Download } from 'lucide';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { clock } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { Icon } from '../../components/icon.tsx';
import { ImageFaces } from '../../components/image-faces.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Waterfall } from './waterfall.tsx';

/** One photo: its faces, what was found in it, and its timeline from its arrival to the webhook. */
export const ImagePage = ({ id }: { id: string }) => {
  const { data, problem, reload } = useAnswer(async () => {
    const image = await answer(api.images[':id'].$get({ param: { id } }));
    const told = await Promise.all(
      image.alerts.map((alert) =>
        answer(api.alerts[':id'].$get({ param: { id: alert.id } })).catch(() => undefined),
      ),
    );
    // Of an alert that other photos have extended, what was told of this one: the first photo has raised it.
    const notifications = told.flatMap((alert) => (alert?.image_id === id ? alert.notifications : []));
    return { image, notifications };
  }, [id]);
  const image = data?.image;
  return (
    <Page title="Photo" lead={<a href="/console/pipeline/images">All photos</a>}>
      <ProblemNote problem={problem} onRetry={() => void reload()} />
      {image && (
        <>
          <div class="image-top">
            <div class="form">
              <ImageFaces id={id} image={image} alt={`The photo of ${image.camera ?? 'no camera'}`} />
              {image.faces.length > 0 && <p class="faint">Click a face to search for it.</p>}
            </div>
            <dl class="facts">
              <dt>State</dt>
              <dd>
                <Badge
                  tone={image.state === 'failed' ? 'critical' : image.state === 'done' ? 'good' : 'neutral'}
                >
                  {image.state}
                </Badge>
                {image.message && ` ${image.message}`}
              </dd>
              <dt>Camera</dt>
              <dd>{image.camera ?? 'none'}</dd>
              <dt>Taken</dt>
              <dd>{clock(image.captured_at)}</dd>
              <dt>Received</dt>
              <dd>{clock(image.received_at)}</dd>
              <dt>Size</dt>
              <dd>
                {image.width} × {image.height}, {Math.ceil(image.byte_length / 1024).toLocaleString('en')} KB
              </dd>
              <dt>Faces</dt>
              <dd>{image.faces.length}</dd>
              <dt>Alerts</dt>
              <dd>
                {image.alerts.length === 0 && 'none'}
                {image.alerts.map((alert) => (
                  <p key={alert.id}>
                    <a href={`/console/alerts/${alert.id}`}>
                      {alert.person}, {alert.watchlist}
                    </a>
                  </p>
                ))}
              </dd>
              <dt>File</dt>
              <dd>
                <a href={`/v1/images/${id}/photo`} download>
                  <Icon of={Download} size={14} /> Download
                </a>
              </dd>
            </dl>
          </div>
          <Waterfall image={image} notifications={data?.notifications ?? []} />
        </>
      )}
    </Page>
  );
};
