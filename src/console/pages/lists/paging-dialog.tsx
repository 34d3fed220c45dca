import { type AnswerOf, answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { CheckField, ChoiceField, type Fields, FormDialog, TextField } from '../../components/form.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { say } from '../../components/toast.tsx';
import { WeekdaysField, weekdaysOf } from '../../components/weekdays.tsx';
import type { List } from './types.ts';

const places = [0, 1, 2] as const;

type Paging = AnswerOf<Awaited<ReturnType<(typeof api.watchlists)[':id']['paging']['$get']>>>;

/** What was entered, as PUT takes it. Quiet hours and steps beyond those of the form stay as they are. */
const bodyOf = (fields: Fields, before: Paging) => {
  const [begins, ends] = [fields.text('begins'), fields.text('ends')];
  const [atMost, within, minutes] = [
    fields.number('at_most'),
    fields.number('within'),
    fields.number('escalate'),
  ];
  const steps = [...places.map((place) => fields.text(`step${place}`)), ...before.steps.slice(places.length)];
  return {
    time_zone: fields.text('time_zone') || 'UTC',
    quiet: [
      ...(begins && ends ? [{ days: weekdaysOf(fields), begins, ends }] : []),
      ...before.quiet.slice(1),
    ],
    critical_pierces: fields.isChecked('critical_pierces'),
    at_most: atMost,
    within_seconds: within === null ? null : within * 60,
    escalate_after_seconds: minutes === null ? null : minutes * 60,
    steps: steps.filter((step) => step !== ''),
  };
};

/** When the alerts of a list are sent, and to whom if nobody acknowledges them. */
export const PagingDialog = ({ list, onClose }: { list: List; onClose: () => void }) => {
  const paging = useAnswer(
    () => answer(api.watchlists[':id'].paging.$get({ param: { id: list.id } })),
    [list.id],
  );
  const endpoints = useAnswer(() => answer(api.endpoints.$get({ query: { limit: '200' } })), []);
  const problem = paging.problem ?? endpoints.problem;
  const before = paging.data;
  const names = endpoints.data?.endpoints.map(({ name }) => [name, name] as const);
  if (!before || !names) return problem ? <ProblemNote problem={problem} /> : null;
  const [quiet] = before.quiet;
  return (
    <FormDialog
      title={`Paging of ${list.name}`}
      go="Save"
      onClose={onClose}
      onSave={async (fields) => {
        await send('PUT', `/v1/watchlists/${list.id}/paging`, bodyOf(fields, before));
        say(`The paging of ${list.name} is saved.`);
        onClose();
      }}
    >
      <TextField
        label="Quiet from"
        name="begins"
        type="time"
        value={quiet?.begins}
        hint="Empty: no quiet hours."
      />
      <TextField
        label="Quiet until"
        name="ends"
        type="time"
        value={quiet?.ends}
        hint="On the next day, if it is earlier."
      />
      <WeekdaysField label="On these days" days={quiet?.days ?? [1, 2, 3, 4, 5, 6, 7]} />
      <TextField
        label="Time zone"
        name="time_zone"
        value={before.time_zone}
        maxLength={64}
        placeholder="Europe/Berlin"
      />
      <CheckField
        label="Send critical alerts in quiet hours too"
        name="critical_pierces"
        checked={before.critical_pierces}
      />
      <TextField
        label="Messages at most"
        name="at_most"
        type="number"
        min={1}
        max={1000}
        value={before.at_most}
        hint="To each endpoint; what is more is summed up. Empty: no limit."
      />
      <TextField
        label="Within minutes"
        name="within"
        type="number"
        min={1}
        max={10_080}
        value={before.within_seconds === null ? null : before.within_seconds / 60}
      />
      <TextField
        label="Escalate after minutes"
        name="escalate"
        type="number"
        min={1}
        max={10_080}
        value={before.escalate_after_seconds === null ? null : before.escalate_after_seconds / 60}
        hint="Without an acknowledgement. Empty: never."
      />
      {places.map((place) => (
        <ChoiceField
          key={place}
          label={place === 0 ? 'Then tell' : 'And then'}
          name={`step${place}`}
          value={before.steps[place] ?? ''}
          options={[['', 'Nobody'], ...names]}
        />
      ))}
    </FormDialog>
  );
};
