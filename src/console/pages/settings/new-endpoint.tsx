import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Field } from '../../components/field.tsx';
import { ChoiceField, FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { kindForms } from './endpoint-kinds.ts';

/** Adds an endpoint: the form asks for what its kind has to know. */
export const NewEndpoint = ({
  onClose,
  onMade,
}: {
  onClose: () => void;
  /** @param made.secret of a webhook. */
  onMade: (made: { name: string; secret: string | null }) => void;
}) => {
  const [kind, setKind] = useState('webhook');
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  const form = kindForms[kind];
  return (
    <FormDialog
      title="Add an endpoint"
      go="Add"
      onClose={onClose}
      onSave={async (fields) => {
        const name = fields.text('name');
        const given = (field: string) => (fields.text(field) === '' ? {} : { [field]: fields.text(field) });
        const watchlists = fields.all('watchlists');
        const settings = Object.assign({}, ...(form?.settings ?? []).map(([setting]) => given(setting)));
        const { secret } = await send<{ secret: string | null }>('POST', '/v1/endpoints', {
          name,
          kind,
          settings,
          ...given('url'),
          ...given('credential'),
          ...given('title_template'),
          ...given('text_template'),
          min_severity: fields.text('min_severity'),
          sends: fields.text('sends'),
          ...(watchlists.length > 0 ? { watchlists } : {}),
        });
        onMade({ name, secret });
      }}
    >
      <TextField label="Name" name="name" required maxLength={200} />
      <Field label="Kind">
        {(control) => (
          <select {...control} value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            {Object.entries(kindForms).map(([each, { title }]) => (
              <option key={each} value={each}>
                {title}
              </option>
            ))}
          </select>
        )}
      </Field>
      {form?.url && (
        <TextField
          key={`url of ${kind}`}
          label="Address"
          name="url"
          required={!form.url.isOptional}
          placeholder={form.url.placeholder}
          maxLength={2000}
        />
      )}
      {form?.settings.map(([name, label, required, hint]) => (
        <TextField
          key={`${kind} ${name}`}
          label={label}
          name={name}
          hint={hint}
          required={required}
          maxLength={255}
        />
      ))}
      {form?.credential && (
        <TextField
          key={`credential of ${kind}`}
          label={form.credential.label}
          name="credential"
          type="password"
          autoComplete="off"
          hint={form.credential.hint ?? 'It is stored and never shown again.'}
          maxLength={2000}
        />
      )}
      <ChoiceField
        label="Is told of"
        name="sends"
        value="alerts"
        options={[
          ['alerts', 'Alerts'],
          ['alarms', 'Alarms of the installation'],
          ['both', 'Both'],
          ['heads', 'Seals of the record'],
        ]}
      />
      <ChoiceField
        label="Least severity"
        name="min_severity"
        value="info"
        options={[
          ['info', 'Info'],
          ['warning', 'Warning'],
          ['critical', 'Critical'],
        ]}
      />
      {kind !== 'webhook' && (
        <>
          <TextField
            label="Title of its messages"
            name="title_template"
            placeholder="{{person}} at {{camera}}"
            hint="A template; empty: the usual words."
            maxLength={2000}
          />
          <TextField
            label="Text of its messages"
            name="text_template"
            placeholder="{{watchlist}}, {{similarity}}, {{time}}"
            maxLength={2000}
          />
        </>
      )}
      <ManyField
        label="Only these lists"
        name="watchlists"
        values={[]}
        options={lists.data?.watchlists.map(({ id, name }) => [id, name] as const) ?? []}
      />
    </FormDialog>
  );
};
