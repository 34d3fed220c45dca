import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Field } from '../../components/field.tsx';
import { ChoiceField, FormDialog, TextField } from '../../components/form.tsx';
import { say } from '../../components/toast.tsx';
import { PlanPicture } from './plan-picture.tsx';
import { SourceFields, sourceOf } from './source-fields.tsx';
import type { CameraRow, Plan } from './types.ts';

const ranges = [
  ['near', 'Near: people close to it, fastest'],
  ['automatic', 'Automatic'],
  ['far', 'Far: small faces too, slowest'],
] as const;

/** Adds a camera, or changes one: where it is, on which point of a plan, and when it counts as silent. */
export const CameraDialog = ({
  camera,
  plans,
  onClose,
}: {
  camera: CameraRow | undefined;
  plans: readonly Plan[];
  onClose: () => void;
}) => {
  const sites = useAnswer(() => answer(api.sites.$get()), []);
  const [point, setPoint] = useState(camera?.plan ?? null);
  const plan = plans.find(({ id }) => id === point?.id);
  const names = sites.data?.sites.map(({ name }) => [name, name] as const) ?? [];
  return (
    <FormDialog
      title={camera ? `Change ${camera.location}` : 'Add a camera'}
      go={camera ? 'Save' : 'Add'}
      size={plans.length > 0 ? 'wide' : 'normal'}
      onClose={onClose}
      onSave={async (fields) => {
        const minutes = fields.number('silent');
        const body = {
          name: fields.text('name'),
          location: fields.text('location'),
          zone: fields.text('zone') || null,
          faces: fields.text('faces'),
          silent_after_seconds: minutes === null ? null : minutes * 60,
          ...sourceOf(fields),
          plan: point,
        };
        if (camera) await send('PATCH', `/v1/cameras/${camera.id}`, body);
        else
          await send('POST', '/v1/cameras', {
            ...body,
            ...(names.length > 1 ? { site: fields.text('site') } : {}),
          });
        say(`${fields.text('location')} is ${camera ? 'changed' : 'added'}.`);
        onClose();
      }}
    >
      <div class={plans.length > 0 ? 'columns' : 'form'}>
        <div class="form">
          <TextField
            label="Place"
            name="location"
            value={camera?.location}
            required
            hint="As people say it: North gate."
          />
          <TextField
            label="Name"
            name="name"
            value={camera?.name}
            required
            hint="With which it sends its photos."
          />
          <TextField
            label="Zone"
            name="zone"
            value={camera?.zone}
            hint="Lists can be for the cameras of a zone."
          />
          <ChoiceField label="Faces" name="faces" value={camera?.faces ?? 'automatic'} options={ranges} />
          <TextField
            label="Silent after minutes"
            name="silent"
            type="number"
            min={0.1}
            step={0.1}
            value={
              camera?.silent_after_seconds === null || camera === undefined
                ? null
                : camera.silent_after_seconds / 60
            }
            hint="Without a photo for so long it is shown as silent, and endpoints are told. Empty: never."
          />
          <SourceFields camera={camera} />
          {!camera && names.length > 1 && <ChoiceField label="Site" name="site" options={names} />}
        </div>
        {plans.length > 0 && (
          <div class="form">
            <Field label="Plan" hint={plan ? 'Click where the camera is.' : 'Where its sightings are drawn.'}>
              {(control) => (
                <select
                  {...control}
                  value={point?.id ?? ''}
                  onChange={(event) =>
                    setPoint(
                      event.currentTarget.value ? { id: event.currentTarget.value, x: 0.5, y: 0.5 } : null,
                    )
                  }
                >
                  <option value="">None</option>
                  {plans.map(({ id, name }) => (
                    <option key={id} value={id}>
                      {name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            {plan && point && (
              <PlanPicture
                plan={plan}
                marks={[{ name: camera?.location ?? 'Here', x: point.x, y: point.y }]}
                onPlace={(x, y) => setPoint({ id: plan.id, x, y })}
              />
            )}
          </div>
        )}
      </div>
    </FormDialog>
  );
};
