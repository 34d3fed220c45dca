import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { ChoiceField, FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { say } from '../../components/toast.tsx';
import { legalBases, type PersonReport } from './types.ts';

/** Changes what is known of a person, and the lists they are on. */
export const EditPerson = ({ person, onClose }: { person: PersonReport; onClose: () => void }) => {
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  if (!lists.data) return null;
  const on = person.watchlists.map(({ id }) => id);
  return (
    <FormDialog
      title={`Change ${person.name}`}
      go="Save"
      onClose={onClose}
      onSave={async (fields) => {
        const day = fields.text('keep_until');
        await send('PATCH', `/v1/persons/${person.id}`, {
          name: fields.text('name'),
          external_ref: fields.text('external_ref') || null,
          legal_basis: fields.text('legal_basis'),
          keep_until: day ? `${day}T00:00:00Z` : null,
        });
        const wanted = fields.all('lists');
        for (const id of wanted.filter((one) => !on.includes(one)))
          await send('PUT', `/v1/watchlists/${id}/persons/${person.id}`);
        for (const id of on.filter((one) => !wanted.includes(one)))
          await send('DELETE', `/v1/watchlists/${id}/persons/${person.id}`);
        say(`${fields.text('name')} is changed.`);
        onClose();
      }}
    >
      <TextField label="Name" name="name" value={person.name} required maxLength={200} />
      <TextField
        label="Reference"
        name="external_ref"
        hint="Their number in another system."
        value={person.external_ref}
      />
      <ChoiceField label="Legal basis" name="legal_basis" value={person.legal_basis} options={legalBases} />
      <TextField
        label="Kept until"
        name="keep_until"
        type="date"
        hint="They are deleted that day; empty: when somebody decides so."
        value={person.keep_until?.slice(0, 10)}
      />
      <ManyField
        label="Lists"
        name="lists"
        values={on}
        options={lists.data.watchlists.map(({ id, name }) => [id, name] as const)}
      />
    </FormDialog>
  );
};
