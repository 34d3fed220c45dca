import { ChoiceField, type Fields, TextField } from '../../components/form.tsx';
import type { CameraRow } from './types.ts';

const rotations = [
  ['', 'Found by itself'],
  ['0', 'Upright'],
  ['90', '90 degrees clockwise'],
  ['180', 'Upside down'],
  ['270', '90 degrees counter-clockwise'],
] as const;

const regionNames = ['x', 'y', 'width', 'height'] as const;

/** Where the frames of a camera come from, and what is taken of them. */
export const SourceFields = ({ camera }: { camera: CameraRow | undefined }) => (
  <details open={camera?.source !== undefined && camera.source !== null}>
    <summary>Frames</summary>
    <div class="form">
      <TextField
        label="Source"
        name="source"
        value={camera?.source}
        maxLength={2000}
        placeholder="rtsp://user:password@camera.example/stream"
        hint="A worker with --watch takes its frames from there. User and password are stored apart and not shown again. Empty: its photos are sent."
      />
      <TextField
        label="Frames a second"
        name="rate"
        type="number"
        min={0.01}
        max={60}
        step={0.01}
        value={camera?.frames_per_second}
        hint="People are followed over the frames. Empty: single photos."
      />
      <TextField
        label="Passage ends after seconds"
        name="gap"
        type="number"
        min={0.1}
        step={0.1}
        value={camera?.track_gap_seconds ?? 2}
      />
      <TextField
        label="Still up to a difference of"
        name="still"
        type="number"
        min={0.1}
        max={255}
        step={0.1}
        value={camera ? camera.still_difference : 5}
        hint="A frame that differs no more from an earlier one is not searched: nothing has moved. Empty: each frame is searched."
      />
      <ChoiceField
        label="Turn photos by"
        name="rotation"
        value={String(camera?.rotation ?? '')}
        options={rotations}
      />
      <TextField
        label="Frame width"
        name="width"
        type="number"
        min={64}
        max={7680}
        value={camera?.frame_width}
        hint="Wider frames of the source are reduced to so many pixels. Empty: they stay as they are."
      />
      <TextField
        label="Region"
        name="region"
        value={camera?.region && regionNames.map((name) => camera.region?.[name]).join(', ')}
        placeholder="0.25, 0, 0.5, 1"
        hint="The part of each frame that is taken: left, top, width and height as shares of the frame. Empty: all of it."
      />
    </div>
  </details>
);

/** The fields of a camera that were entered. */
export const sourceOf = (fields: Fields) => {
  const rotation = fields.number('rotation');
  const [x, y, width, height] = fields.text('region').split(',').map(Number);
  return {
    source: fields.text('source') || null,
    frames_per_second: fields.number('rate'),
    track_gap_seconds: fields.number('gap') ?? 2,
    still_difference: fields.number('still'),
    rotation,
    frame_width: fields.number('width'),
    region: fields.text('region') === '' ? null : { x, y, width, height },
  };
};
