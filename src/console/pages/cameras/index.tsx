import { Camera, Plus, VideoOff } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { useRepeat } from '../../api/use-repeat.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { CameraDialog } from './camera-dialog.tsx';
import './cameras.css';
import { Plans } from './plans.tsx';
import { Sources } from './sources.tsx';
import type { CameraRow } from './types.ts';

/** Seconds between two looks. */
const lookEvery = 5;

/** The cameras, and the plans on which they are placed. */
export default () => {
  const [open, setOpen] = useState<CameraRow | 'new'>();
  const cameras = useAnswer(() => answer(api.cameras.$get({ query: { limit: '500' } })), []);
  const plans = useAnswer(() => answer(api.plans.$get({ query: { limit: '200' } })), []);
  useRepeat(cameras.reload, lookEvery);
  const all = cameras.data?.cameras ?? [];
  const again = () => {
    void cameras.reload();
    void plans.reload();
  };
  const remove = async (camera: CameraRow) => {
    const yes = await confirm({
      title: `Take ${camera.location} out of use?`,
      text: 'Its photos and sightings stay. It takes no more photos.',
      go: 'Take out of use',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/cameras/${camera.id}`);
      say(`${camera.location} is out of use.`);
      again();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  const columns: readonly Column<CameraRow>[] = [
    {
      title: 'Place',
      by: (camera) => camera.location,
      cell: (camera) => (
        <span>
          <strong>{camera.location}</strong> <span class="faint">{camera.name}</span>
        </span>
      ),
    },
    {
      title: 'Zone',
      by: (camera) => camera.zone,
      cell: (camera) => camera.zone ?? <span class="faint">none</span>,
    },
    { title: 'Faces', by: (camera) => camera.faces, cell: (camera) => camera.faces },
    {
      title: 'Last photo',
      by: (camera) => camera.last_image?.captured_at,
      cell: (camera) =>
        camera.last_image ? (
          <a href={`/console/pipeline/images/${camera.last_image.id}`}>
            <Ago time={camera.last_image.captured_at} />
          </a>
        ) : (
          <span class="faint">none yet</span>
        ),
    },
    { title: 'Silent', cell: (camera) => <Silent camera={camera} /> },
    {
      title: 'Plan',
      cell: (camera) =>
        plans.data?.plans.find(({ id }) => id === camera.plan?.id)?.name ?? <span class="faint">none</span>,
    },
    { title: 'Site', isMinor: true, by: (camera) => camera.site, cell: (camera) => camera.site },
    ...(may('administer')
      ? [
          {
            title: 'Actions',
            cell: (camera: CameraRow) => (
              <span class="row-actions">
                <button type="button" class="button" onClick={() => setOpen(camera)}>
                  Change<span class="visually-hidden"> {camera.location}</span>
                </button>
                <button type="button" class="button danger" onClick={() => void remove(camera)}>
                  Remove<span class="visually-hidden"> {camera.location}</span>
                </button>
              </span>
            ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title="Cameras"
      toolbar={
        <Scoped scope="administer">
          <button type="button" class="button primary" onClick={() => setOpen('new')}>
            <Icon of={Plus} size={18} />
            Add a camera
          </button>
        </Scoped>
      }
    >
      <ProblemNote problem={cameras.problem ?? plans.problem} onRetry={again} />
      {cameras.data && (
        <Table
          label="Cameras"
          rows={all}
          columns={columns}
          keyOf={({ id }) => id}
          empty={
            <Empty icon={Camera} title="No camera yet">
              A camera sends its photos by <code>POST /v1/images</code>, with its name, or has a source from
              which a worker takes its frames.
            </Empty>
          }
        />
      )}
      <Sources cameras={all} />
      {plans.data && <Plans plans={plans.data.plans} onChange={again} />}
      {open && (
        <CameraDialog
          camera={open === 'new' ? undefined : open}
          plans={plans.data?.plans ?? []}
          onClose={() => {
            setOpen(undefined);
            again();
          }}
        />
      )}
    </Page>
  );
};

const Silent = ({ camera }: { camera: CameraRow }) => {
  if (camera.silent_since)
    return (
      <Badge tone="critical">
        <Icon of={VideoOff} size={14} /> since <Ago time={camera.silent_since} />
      </Badge>
    );
  if (camera.silent_after_seconds === null) return <span class="faint">no alarm</span>;
  return <span class="faint">after {Math.round(camera.silent_after_seconds / 60)} min</span>;
};
