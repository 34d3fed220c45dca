import { send } from '../../api/client.ts';
import { CheckField, type Fields, FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { SeverityField } from '../../components/severity-field.tsx';
import { say } from '../../components/toast.tsx';
import { WeekdaysField, weekdaysOf } from '../../components/weekdays.tsx';
import type { StrangerRule } from './types.ts';

const orNull = <T,>(values: readonly T[]): readonly T[] | null => (values.length > 0 ? values : null);

/** What was entered, as POST and PATCH take it. */
const bodyOf = (fields: Fields) => {
  const [from, until] = [fields.text('from'), fields.text('until')];
  return {
    name: fields.text('name'),
    severity: fields.text('severity'),
    cameras: orNull(fields.all('cameras')),
    known_on: orNull(fields.all('known_on')),
    days: orNull(weekdaysOf(fields)),
    hours: from || until ? { from, until } : null,
    time_zone: fields.text('time_zone'),
    visits: fields.number('visits'),
    within_seconds: (fields.number('within') ?? 30) * 86_400,
    min_looks: fields.number('min_looks') ?? 3,
    min_quality: fields.number('min_quality') ?? 0,
    wait_seconds: fields.number('wait') ?? 5,
    enabled: fields.isChecked('enabled'),
  };
};

interface Named {
  readonly id: string;
  readonly name: string;
}

/** Adds a rule about people who are on no list, or changes one. */
export const RuleDialog = ({
  rule,
  cameras,
  lists,
  onClose,
}: {
  rule: StrangerRule | undefined;
  cameras: readonly { readonly id: string; readonly location: string }[];
  lists: readonly Named[];
  onClose: () => void;
}) => (
  <FormDialog
    title={rule ? `Change ${rule.name}` : 'New rule'}
    go={rule ? 'Save' : 'Add'}
    size="wide"
    onClose={onClose}
    onSave={async (fields) => {
      if (rule) await send('PATCH', `/v1/stranger-rules/${rule.id}`, bodyOf(fields));
      else await send('POST', '/v1/stranger-rules', bodyOf(fields));
      say(`${fields.text('name')} is ${rule ? 'changed' : 'added'}.`);
      onClose();
    }}
  >
    <div class="columns">
      <div class="form">
        <TextField label="Name" name="name" value={rule?.name} required maxLength={200} />
        <SeverityField label="Severity" name="severity" value={rule?.severity ?? 'warning'} />
        <TextField
          label="From visit"
          name="visits"
          type="number"
          min={2}
          max={1000}
          value={rule?.visits}
          hint="Only strangers who have come at least so often. Empty: everybody unknown."
        />
        <TextField
          label="Visits within days"
          name="within"
          type="number"
          min={1}
          value={rule ? rule.within_seconds / 86_400 : 30}
        />
        <TextField
          label="Usable faces"
          name="min_looks"
          type="number"
          min={1}
          max={1000}
          value={rule?.min_looks ?? 3}
          hint="Whoever is seen more briefly is no alert."
        />
        <TextField
          label="Quality of the best one"
          name="min_quality"
          type="number"
          min={0}
          max={100}
          step={0.1}
          value={rule?.min_quality ?? 0}
          hint="2.3 is the poorest that is compared, 3 and more a good view."
        />
        <TextField
          label="Seconds to wait"
          name="wait"
          type="number"
          min={0}
          max={600}
          step={0.1}
          value={rule?.wait_seconds ?? 5}
          hint="Who is known may not be recognised by the first look."
        />
        <CheckField label="In force" name="enabled" checked={rule?.enabled ?? true} />
      </div>
      <div class="form">
        <ManyField
          label="Known on"
          name="known_on"
          hint="None here: whoever matches on any list is known."
          values={rule?.known_on ?? []}
          options={lists.map(({ id, name }) => [id, name] as const)}
        />
        <ManyField
          label="Only these cameras"
          name="cameras"
          hint="None here: all."
          values={rule?.cameras ?? []}
          options={cameras.map(({ id, location }) => [id, location] as const)}
        />
        <WeekdaysField
          label="Only on"
          hint="None here: every day. Hours over midnight belong to the day on which they begin."
          days={rule?.days ?? []}
        />
        <TextField
          label="From"
          name="from"
          type="time"
          value={rule?.hours?.from}
          hint="By the clock. Empty: all day."
        />
        <TextField
          label="Until"
          name="until"
          type="time"
          value={rule?.hours?.until}
          hint="Earlier than from: the next day."
        />
        <TextField
          label="Time zone"
          name="time_zone"
          value={rule?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone}
          required
        />
      </div>
    </div>
  </FormDialog>
);
