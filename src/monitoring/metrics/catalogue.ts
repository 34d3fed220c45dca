import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Close where decisions fall: the default threshold of a list is 0.5, and strangers stay below 0.45. */
const similarities = [0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1];

/** What each process counts of its own work. */
export const processMetrics = (registers: Registry[]) => {
  const of = { registers };
  return {
    events: new Counter({
      name: 'watchpost_events_total',
      help: 'Events that this process has handled, by task and by what became of them. retry: failed, and tried again later. failed: a dead letter.',
      labelNames: ['task', 'outcome'] as const,
      ...of,
    }),
    stages: new Histogram({
      name: 'watchpost_stage_duration_seconds',
      help: 'From when a batch was begun until its rows were written.',
      labelNames: ['task'] as const,
      buckets: seconds,
      ...of,
    }),
    models: new Histogram({
      name: 'watchpost_model_duration_seconds',
      help: 'Calls of the models, with the wait for a free thread: faces (decoding, detection, landmarks), embed, describe.',
      labelNames: ['call'] as const,
      buckets: seconds,
      ...of,
    }),
    images: new Counter({
      name: 'watchpost_images_total',
      help: 'Photos that were looked at. still: nothing had moved since an earlier frame. refused: they cannot be decoded, or enrol nobody.',
      labelNames: ['outcome'] as const,
      ...of,
    }),
    faces: new Counter({
      name: 'watchpost_faces_total',
      help: 'Faces that were found.',
      ...of,
    }),
    similarity: new Histogram({
      name: 'watchpost_similarity',
      help: 'Similarity of each searched face to the nearest person, by the decision: match, gated (too poor a view), below_threshold. A drift of matches towards the threshold, or of what is below towards it, shows here first.',
      labelNames: ['outcome'] as const,
      buckets: similarities,
      ...of,
    }),
    matches: new Counter({
      name: 'watchpost_matches_total',
      help: 'Matches: a face, a person and a list.',
      ...of,
    }),
    alerts: new Counter({
      name: 'watchpost_alerts_total',
      help: 'Alerts that were raised. A further sighting of the same episode raises none.',
      ...of,
    }),
    deliveries: new Counter({
      name: 'watchpost_deliveries_total',
      help: 'Messages to endpoints by what became of them. failed: one attempt, which is repeated.',
      labelNames: ['outcome'] as const,
      ...of,
    }),
    requests: new Histogram({
      name: 'watchpost_http_request_duration_seconds',
      help: 'Calls of the API, until the headers of the answer.',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: seconds,
      ...of,
    }),
    pool: new Gauge({
      name: 'watchpost_pool_connections',
      help: 'Connections of this process to the database: busy, idle, and callers that wait for one.',
      labelNames: ['pool', 'state'] as const,
      ...of,
    }),
    away: new Gauge({
      name: 'watchpost_database_away',
      help: '1 while this process cannot reach the database.',
      ...of,
    }),
  };
};

/** What the API reads from the database, for the whole installation. */
export const databaseMetrics = (registers: Registry[]) => {
  const of = { registers };
  const byTask = { labelNames: ['task'] as const, ...of };
  return {
    waiting: new Gauge({
      name: 'watchpost_waiting_events',
      help: 'Events that nobody has begun.',
      ...byTask,
    }),
    oldest: new Gauge({
      name: 'watchpost_oldest_waiting_seconds',
      help: 'How long ago the oldest waiting event was written; 0: none waits.',
      ...byTask,
    }),
    running: new Gauge({
      name: 'watchpost_running_events',
      help: 'Events that a worker has in hand.',
      ...byTask,
    }),
    retrying: new Gauge({
      name: 'watchpost_retrying_events',
      help: 'Events that have failed and wait to be tried again.',
      ...byTask,
    }),
    letters: new Gauge({
      name: 'watchpost_dead_letters',
      help: 'Of the latest thousand dead letters, those of this task.',
      ...byTask,
    }),
    paused: new Gauge({
      name: 'watchpost_task_paused',
      help: '1 while the task is paused.',
      ...byTask,
    }),
    workers: new Gauge({
      name: 'watchpost_workers',
      help: 'Workers: alive, silent (the heartbeat is late), lost (given up within the last hour).',
      labelNames: ['state'] as const,
      ...of,
    }),
    heartbeats: new Gauge({
      name: 'watchpost_heartbeat_age_seconds',
      help: 'Since the latest heartbeat of each process, API processes included.',
      labelNames: ['host', 'pid'] as const,
      ...of,
    }),
    cameras: new Gauge({
      name: 'watchpost_camera_silence_seconds',
      help: 'Since the latest photo of each camera arrived; of a camera without any, since it was added.',
      labelNames: ['site', 'camera'] as const,
      ...of,
    }),
    watched: new Gauge({
      name: 'watchpost_camera_watched',
      help: '1 while frames come from the source of a camera, 0 while they do not; cameras with a source only.',
      labelNames: ['site', 'camera'] as const,
      ...of,
    }),
    frames: new Gauge({
      name: 'watchpost_camera_frames',
      help: 'Frames of the source of a camera since it was first watched. read: they came. submitted: they became images. known: they were images already. dropped: newer ones came before the workers were free.',
      labelNames: ['site', 'camera', 'outcome'] as const,
      ...of,
    }),
    reconnects: new Gauge({
      name: 'watchpost_camera_reconnects',
      help: 'How often the source of a camera had to be connected to again since it was first watched.',
      labelNames: ['site', 'camera'] as const,
      ...of,
    }),
    bridged: new Gauge({
      name: 'watchpost_bridge_connected',
      help: '1 while a process is connected to the broker of a bridge, 0 while none is; enabled bridges only.',
      labelNames: ['bridge'] as const,
      ...of,
    }),
    messages: new Gauge({
      name: 'watchpost_bridge_messages',
      help: 'Messages of a bridge since it was added. published: the broker has confirmed them. received: they came and were acknowledged. refused: those of them that became no photo.',
      labelNames: ['bridge', 'outcome'] as const,
      ...of,
    }),
    unpublished: new Gauge({
      name: 'watchpost_bridge_waiting_events',
      help: 'Events that a bridge is still to publish, 10000 at most, among the next 20000 of the record.',
      labelNames: ['bridge'] as const,
      ...of,
    }),
    lag: new Gauge({
      name: 'watchpost_bridge_lag_seconds',
      help: 'How long ago the first event was written that a bridge is still to publish; 0: none waits.',
      labelNames: ['bridge'] as const,
      ...of,
    }),
    snapshot: new Gauge({
      name: 'watchpost_oldest_snapshot_seconds',
      help: 'Age of the oldest transaction that keeps vacuum from removing deleted rows; 0: there is none.',
      ...of,
    }),
    alarms: new Gauge({
      name: 'watchpost_alarms',
      help: 'Alarms that are not over: camera.silent, backlog.old, worker.lost, vacuum.held.',
      labelNames: ['kind'] as const,
      ...of,
    }),
    invariants: new Gauge({
      name: 'watchpost_invariant_violations',
      help: 'Rows of watchpost.invariant, 100 at most: what "watchpost doctor" finds wrong. Read every five minutes.',
      ...of,
    }),
    readable: new Gauge({
      name: 'watchpost_database_readable',
      help: '1 if what is read from the database could be read for this answer.',
      ...of,
    }),
  };
};
