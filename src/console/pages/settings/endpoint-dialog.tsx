import { useState } from 'preact/hooks';
import { type AnswerOf, answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Field } from '../../components/field.tsx';
import { CheckField, ChoiceField, FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { SeverityField } from '../../components/severity-field.tsx';
import { say } from '../../components/toast.tsx';
import { kindForms } from './endpoint-kinds.ts';

export type Endpoint = AnswerOf<Awaited<ReturnType<typeof api.endpoints.$get>>>['endpoints'][number];

/** Adds an endpoint, or changes one: the form asks for what its kind has to know. */
export const EndpointDialog = ({
  endpoint,
  onClose,
  onDone,
}: {
  endpoint: Endpoint | undefined;
  onClose: () => void;
  /** @param done.secret of a new webhook. */
  onDone: (done: { name: string; secret: string | null }) => void;
}) => {
  const [kind, setKind] = useState<string>(endpoint?.kind ?? 'webhook');
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  const form = kindForms[kind];
  const known = lists.data?.watchlists ?? [];
  const chosen = endpoint?.watchlists ?? [];
  // Those of the endpoint are there even before the lists have come.
  const options = [
    ...known.map(({ id, name }) => [id, name] as const),
    ...chosen
      .filter((name) => !known.some((list) => list.name === name))
      .map((name) => [name, name] as const),
  ];
  const values = options.filter(([, name]) => chosen.includes(name)).map(([value]) => value);
  return (
    <FormDialog
      title={endpoint ? `Change ${endpoint.name}` : 'Add an endpoint'}
      go={endpoint ? 'Save' : 'Add'}
      onClose={onClose}
      onSave={async (fields) => {
        const name = fields.text('name');
        const given = (field: string) => (fields.text(field) === '' ? {} : { [field]: fields.text(field) });
        const template = (field: string) =>
          endpoint && kind !== 'webhook' ? { [field]: fields.text(field) || null } : given(field);
        const watchlists = fields.all('watchlists');
        const body = {
          name,
          settings: Object.assign({}, ...(form?.settings ?? []).map(([setting]) => given(setting))),
          ...(fields.text('url') === endpoint?.url ? {} : given('url')),
          ...(fields.isChecked('no_credential') ? { credential: null } : given('credential')),
          ...template('title_template'),
          ...template('text_template'),
          min_severity: fields.text('min_severity'),
          sends: fields.text('sends'),
          ...(watchlists.join() === values.join() ? {} : { watchlists }),
        };
        if (endpoint) {
          await send('PATCH', `/v1/endpoints/${endpoint.id}`, body);
          say(`${name} is changed.`);
          return onDone({ name, secret: null });
        }
        const { secret } = await send<{ secret: string | null }>('POST', '/v1/endpoints', { ...body, kind });
        onDone({ name, secret });
      }}
    >
      <TextField label="Name" name="name" value={endpoint?.name} required maxLength={200} />
      {!endpoint && (
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
      )}
      {form?.url && (
        <TextField
          key={`url of ${kind}`}
          label="Address"
          name="url"
          value={endpoint?.url}
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
          value={endpoint?.settings[name]}
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
          hint={
            endpoint?.has_credential
              ? 'Empty: as it was. At another server it is asked for again.'
              : (form.credential.hint ?? 'It is stored and never shown again.')
          }
          maxLength={2000}
        />
      )}
      {endpoint?.has_credential && form?.credential?.isOptional && (
        <CheckField label={`No ${form.credential.label.toLowerCase()} any more`} name="no_credential" />
      )}
      <ChoiceField
        label="Is told of"
        name="sends"
        value={endpoint?.sends ?? 'alerts'}
        options={[
          ['alerts', 'Alerts'],
          ['alarms', 'Alarms of the installation'],
          ['both', 'Both'],
          ['heads', 'Seals of the record'],
        ]}
      />
      <SeverityField label="Least severity" name="min_severity" value={endpoint?.min_severity ?? 'info'} />
      {kind !== 'webhook' && (
        <>
          <TextField
            label="Title of its messages"
            name="title_template"
            value={endpoint?.title_template}
            placeholder="{{person}} at {{camera}}"
            hint="A template; empty: the usual words. It may name person, external_ref, watchlist, severity, similarity, camera, location, zone, place, time, first_seen, sightings, type, alert_id and link."
            maxLength={2000}
          />
          <TextField
            label="Text of its messages"
            name="text_template"
            value={endpoint?.text_template}
            placeholder="{{watchlist}}, {{similarity}}, {{time}}"
            maxLength={2000}
          />
        </>
      )}
      <ManyField label="Only these lists" name="watchlists" values={values} options={options} />
    </FormDialog>
  );
};
