import { useState } from 'preact/hooks';
import { send } from '../../api/client.ts';
import { Field } from '../../components/field.tsx';
import { CheckField, type Fields, FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { SeverityField } from '../../components/severity-field.tsx';
import { play } from '../../components/sounds.ts';
import { say } from '../../components/toast.tsx';
import type { List } from './types.ts';

const sounds = [
  ['none', 'Silent'],
  ['chime', 'Chime'],
  ['bell', 'Bell'],
  ['alarm', 'Alarm'],
] as const;

/** What was entered, as POST and PATCH take it. */
const bodyOf = (fields: Fields, before: List | undefined) => {
  const threshold = fields.number('threshold');
  const cameras = fields.all('cameras');
  const zones = fields.all('zones');
  return {
    name: fields.text('name'),
    purpose: fields.text('purpose'),
    severity: fields.text('severity'),
    // An unchanged threshold may follow from a false-positive rate or a name, and does so still.
    ...(threshold !== null && threshold.toFixed(3) !== before?.threshold.toFixed(3) ? { threshold } : {}),
    cooldown_seconds: (fields.number('cooldown') ?? 0) * 60,
    min_looks: fields.number('min_looks') ?? 1,
    min_share: (fields.number('min_share') ?? 0) / 100,
    reviewers: fields.isChecked('two') ? 2 : 1,
    page_retroactive: fields.isChecked('page_retroactive'),
    enabled: fields.isChecked('enabled'),
    color: fields.isChecked('colored') ? fields.text('color') : null,
    sound: fields.text('sound'),
    must_acknowledge: fields.isChecked('must_acknowledge'),
    cameras: cameras.length > 0 ? cameras : null,
    zones: zones.length > 0 ? zones : null,
  };
};

/** Adds a list, or changes one. */
export const ListDialog = ({
  list,
  cameras,
  onClose,
}: {
  list: List | undefined;
  cameras: readonly { readonly id: string; readonly location: string; readonly zone: string | null }[];
  onClose: () => void;
}) => {
  const [color, setColor] = useState(list?.color ?? '#d4201a');
  const [isColored, setColored] = useState(Boolean(list?.color));
  const zones = [
    ...new Set([...(list?.zones ?? []), ...cameras.flatMap(({ zone }) => (zone ? [zone] : []))]),
  ].toSorted();
  return (
    <FormDialog
      title={list ? `Change ${list.name}` : 'New list'}
      go={list ? 'Save' : 'Add'}
      size="wide"
      onClose={onClose}
      onSave={async (fields) => {
        if (list) await send('PATCH', `/v1/watchlists/${list.id}`, bodyOf(fields, list));
        else await send('POST', '/v1/watchlists', bodyOf(fields, undefined));
        say(`${fields.text('name')} is ${list ? 'changed' : 'added'}.`);
        onClose();
      }}
    >
      <div class="columns">
        <div class="form">
          <TextField label="Name" name="name" value={list?.name} required maxLength={200} />
          <TextField
            label="Purpose"
            name="purpose"
            value={list?.purpose}
            required
            maxLength={2000}
            hint="Why people are looked for. It is on record, and in access reports."
          />
          <SeverityField label="Severity" name="severity" value={list?.severity ?? 'warning'} />
          <TextField
            label="Threshold"
            name="threshold"
            type="number"
            min={0}
            max={1}
            step={0.001}
            value={list?.threshold.toFixed(3)}
            hint="Least similarity of a match; empty: the default of the model."
          />
          <TextField
            label="Minutes of one alert"
            name="cooldown"
            type="number"
            min={0}
            step={0.5}
            value={list ? list.cooldown_seconds / 60 : 5}
            hint="Sightings at one place within this time are one alert."
          />
          <TextField
            label="Looks"
            name="min_looks"
            type="number"
            min={1}
            max={1000}
            step={1}
            value={list?.min_looks ?? 1}
            hint="So many faces of a person who is followed must reach the threshold."
          />
          <TextField
            label="Share of looks, %"
            name="min_share"
            type="number"
            min={0}
            max={100}
            step={1}
            value={Math.round((list?.min_share ?? 0) * 100)}
            hint="And this share of their good faces."
          />
        </div>
        <div class="form">
          <Field label="Colour">
            {(control) => (
              <span class="color-line">
                <input
                  {...control}
                  type="color"
                  name="color"
                  value={color}
                  onInput={(event) => {
                    setColor(event.currentTarget.value);
                    setColored(true);
                  }}
                />
                <label class="check">
                  <input
                    type="checkbox"
                    name="colored"
                    checked={isColored}
                    onChange={(event) => setColored(event.currentTarget.checked)}
                  />
                  of its own; without: that of the severity
                </label>
              </span>
            )}
          </Field>
          <Field label="Sound" hint="Heard in consoles whose sound is on.">
            {(control) => (
              <select {...control} name="sound" onChange={(event) => play(event.currentTarget.value)}>
                {sounds.map(([value, words]) => (
                  <option key={value} value={value} selected={value === (list?.sound ?? 'chime')}>
                    {words}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <CheckField
            label="Must be acknowledged"
            name="must_acknowledge"
            checked={list?.must_acknowledge ?? false}
            hint="The sound is repeated until somebody has."
          />
          <CheckField
            label="Two reviewers"
            name="two"
            checked={(list?.reviewers ?? 1) > 1}
            hint="An alert is confirmed by two people."
          />
          <CheckField
            label="Also alert of what is found in the past"
            name="page_retroactive"
            checked={list?.page_retroactive ?? false}
          />
          <CheckField label="In force" name="enabled" checked={list?.enabled ?? true} />
          <ManyField
            label="Only these cameras"
            name="cameras"
            hint="None here and no zone: all."
            values={list?.cameras ?? []}
            options={cameras.map(({ id, location }) => [id, location] as const)}
          />
          <ManyField
            label="Only these zones"
            name="zones"
            values={list?.zones ?? []}
            options={zones.map((zone) => [zone, zone] as const)}
          />
        </div>
      </div>
    </FormDialog>
  );
};
