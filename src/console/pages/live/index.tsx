import { BellOff, BellRing, Camera, Volume2, VolumeX } from 'lucide';
import { answer, api } from '../../api/client.ts';
import { useAlerts } from '../../api/live.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { useRepeat } from '../../api/use-repeat.ts';
import { notificationsAreOn, wantNotifications } from '../../components/alert-host.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { play, soundIsOn } from '../../components/sounds.ts';
import { say } from '../../components/toast.tsx';
import { AlertList } from '../alerts/alert-list.tsx';
import '../alerts/alerts.css';
import { CameraTile } from './camera-tile.tsx';
import type { Cameras } from './cameras.ts';
import { FirstRun } from './first-run.tsx';
import './live.css';

/** Seconds between two looks at what the cameras have sent. */
const lookEvery = 5;

const Switches = () => (
  <>
    <button
      type="button"
      class="button"
      aria-pressed={soundIsOn.value}
      onClick={() => {
        soundIsOn.value = !soundIsOn.value;
        if (soundIsOn.value) play('chime');
      }}
    >
      <Icon of={soundIsOn.value ? Volume2 : VolumeX} size={18} />
      Sound {soundIsOn.value ? 'on' : 'off'}
    </button>
    <button
      type="button"
      class="button"
      aria-pressed={notificationsAreOn.value}
      onClick={async () => {
        if (notificationsAreOn.value) notificationsAreOn.value = false;
        else if (!(await wantNotifications())) say('The browser does not allow notifications of this page.');
      }}
    >
      <Icon of={notificationsAreOn.value ? BellRing : BellOff} size={18} />
      Notifications {notificationsAreOn.value ? 'on' : 'off'}
    </button>
  </>
);

/** The cameras with their last photos, and the alerts that wait for a review, as they are raised. */
export default () => {
  const cameras = useAnswer(() => answer(api.cameras.$get({ query: { limit: '500' } })), []);
  const open = useAnswer(() => answer(api.alerts.$get({ query: { state: 'open', limit: '50' } })), []);
  const again = () => {
    void open.reload();
    void cameras.reload();
  };
  useAlerts(again, again);
  useRepeat(cameras.reload, lookEvery);
  const alerts = open.data?.alerts ?? [];
  const shown: Cameras = cameras.data?.cameras ?? [];
  const isNew =
    cameras.data && open.data && alerts.length === 0 && shown.every((camera) => !camera.last_image);
  return (
    <Page title="Live" width="full" toolbar={<Switches />}>
      <ProblemNote problem={cameras.problem ?? open.problem} onRetry={again} />
      {isNew ? (
        <FirstRun cameras={shown} onChange={again} />
      ) : (
        <div class="live-desk">
          <section aria-label="Cameras">
            <ul class="tiles">
              {shown.map((camera) => (
                <CameraTile key={camera.id} camera={camera} />
              ))}
            </ul>
            {cameras.data && shown.length === 0 && (
              <Empty icon={Camera} title="No camera yet">
                <a href="/console/cameras">Add one</a>
              </Empty>
            )}
          </section>
          <section class="live-alerts" aria-labelledby="open-alerts">
            <h2 id="open-alerts">Open alerts</h2>
            {open.data && alerts.length === 0 && (
              <p class="faint">Nothing waits for you. Alerts appear here as they are raised.</p>
            )}
            <AlertList alerts={alerts} chosen={undefined} query="" />
          </section>
        </div>
      )}
    </Page>
  );
};
