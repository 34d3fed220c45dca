import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { type Column, Table } from '../../components/table.tsx';
import type { CameraRow } from './types.ts';

type Watch = NonNullable<CameraRow['watch']>;

const figure = (title: string, of: (watch: Watch) => number): Column<CameraRow> => ({
  title,
  isNumber: true,
  by: ({ watch }) => watch && of(watch),
  cell: ({ watch }) => (watch ? of(watch) : 0).toLocaleString('en'),
});

const columns: readonly Column<CameraRow>[] = [
  { title: 'Camera', by: ({ location }) => location, cell: ({ location }) => <strong>{location}</strong> },
  { title: 'State', cell: (camera) => <State camera={camera} /> },
  figure('Read', ({ read }) => read),
  figure('Submitted', ({ submitted }) => submitted),
  figure('Known', ({ known }) => known),
  figure('Dropped', ({ dropped }) => dropped),
  figure('Still, last minute', (watch) => watch.still_last_minute),
  figure('Reconnects', ({ reconnects }) => reconnects),
  {
    title: 'Worker',
    isMinor: true,
    cell: ({ watch }) => <code class="faint">{watch?.worker?.slice(0, 8) ?? 'none'}</code>,
  },
];

/** How the sources of cameras are watched, and what came of their frames. */
export const Sources = ({ cameras }: { cameras: readonly CameraRow[] }) => {
  const rows = cameras.filter(({ source }) => source !== null);
  if (rows.length === 0) return null;
  return (
    <section class="part">
      <h2>Sources</h2>
      {rows.every(({ watch }) => !watch || watch.state === 'unwatched') && (
        <p class="faint">
          No worker watches them. Start one: <code>npm run worker -- --watch</code>
        </p>
      )}
      <Table label="Sources" rows={rows} columns={columns} keyOf={({ id }) => id} />
    </section>
  );
};

const State = ({ camera: { watch } }: { camera: CameraRow }) => {
  if (!watch || watch.state === 'unwatched') return <Badge tone="critical">not watched</Badge>;
  if (watch.state === 'ended') return <Badge>at its end</Badge>;
  if (watch.state === 'connecting')
    return (
      <>
        <Badge tone="warning">connecting</Badge>{' '}
        {watch.problem !== null && <span class="field-error">{watch.problem}</span>}
      </>
    );
  return (
    <>
      <Badge tone="good">connected</Badge>{' '}
      {watch.connected_at !== null && (
        <span class="faint">
          <Ago time={watch.connected_at} />
        </span>
      )}
    </>
  );
};
