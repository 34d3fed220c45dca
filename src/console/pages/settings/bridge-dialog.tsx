import { useState } from 'preact/hooks';
import { type AnswerOf, answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Field } from '../../components/field.tsx';
import { CheckField, ChoiceField, type Fields, FormDialog, TextField } from '../../components/form.tsx';
import { say } from '../../components/toast.tsx';
import { bridgeForms, formOfBridge } from './bridge-kinds.ts';

export type Bridge = AnswerOf<Awaited<ReturnType<typeof api.bridges.$get>>>['bridges'][number];

const directions = [
  ['out', 'Publish events there'],
  ['in', 'Take photos from there'],
] as const;

/** Adds a bridge, or changes one: the form asks for what its kind and direction need. */
export const BridgeDialog = ({
  bridge,
  onClose,
  onDone,
}: {
  bridge: Bridge | undefined;
  onClose: () => void;
  onDone: () => void;
}) => {
  const [kind, setKind] = useState(bridge?.kind ?? 'kafka');
  const [direction, setDirection] = useState(bridge?.direction ?? 'out');
  const form = formOfBridge(kind);
  const place = form[direction];
  return (
    <FormDialog
      title={bridge ? `Change ${bridge.name}` : 'Add a bridge'}
      go={bridge ? 'Save' : 'Add'}
      onClose={onClose}
      onSave={async (fields) => {
        const body = {
          name: fields.text('name'),
          url: fields.text('url'),
          address: fields.text('address'),
          ...(direction === 'out'
            ? {
                topics: fields
                  .text('topics')
                  .split(/[\s,]+/)
                  .filter(Boolean),
                mode: fields.text('mode'),
              }
            : cameraOf(fields, bridge)),
          ...credentialsOf(fields),
        };
        if (bridge) await send('PATCH', `/v1/bridges/${bridge.id}`, body);
        else {
          const from_beginning = fields.isChecked('from_beginning');
          await send('POST', '/v1/bridges', { ...body, kind, direction, from_beginning });
        }
        say(`${body.name} is ${bridge ? 'changed' : 'added'}.`);
        onDone();
      }}
    >
      <TextField label="Name" name="name" value={bridge?.name} required maxLength={200} />
      {!bridge && (
        <>
          <Choice label="Broker" value={kind} options={titles} onChange={setKind} />
          <Choice label="Direction" value={direction} options={directions} onChange={setDirection} />
        </>
      )}
      <TextField
        key={`url of ${kind}`}
        label="Address of the broker"
        name="url"
        value={bridge?.url}
        required
        placeholder={form.url}
        hint="Without user and password."
        maxLength={2000}
      />
      <TextField
        key={`address of ${kind} ${direction}`}
        label={place.label}
        name="address"
        value={bridge?.address}
        required
        placeholder={place.placeholder}
        hint={place.hint}
        maxLength={255}
      />
      {direction === 'out' ? <OutFields bridge={bridge} /> : <CameraField bridge={bridge} />}
      <CredentialFields bridge={bridge} hasToken={form.hasToken ?? false} />
    </FormDialog>
  );
};

const titles = Object.entries(bridgeForms).map(
  ([kind, { title }]) => [kind as Bridge['kind'], title] as const,
);

/** One of several, on which the rest of the form depends. */
const Choice = <Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
}) => (
  <Field label={label}>
    {(control) => (
      <select {...control} value={value} onChange={(event) => onChange(event.currentTarget.value as Value)}>
        {options.map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
      </select>
    )}
  </Field>
);

const OutFields = ({ bridge }: { bridge: Bridge | undefined }) => (
  <>
    <TextField
      label="Events"
      name="topics"
      value={bridge?.topics.join(', ') ?? 'alert.*'}
      required
      hint="Their topics, with commas between them: alert.raised, or alert.* for all that begin so."
    />
    <ChoiceField
      label="Form of a CloudEvent"
      name="mode"
      value={bridge?.mode ?? 'structured'}
      options={[
        ['structured', 'Structured: all of it as JSON'],
        ['binary', 'Binary: attributes as headers'],
      ]}
    />
    {!bridge && <CheckField label="Begin with the events that are on record" name="from_beginning" />}
  </>
);

const CameraField = ({ bridge }: { bridge: Bridge | undefined }) => {
  const cameras = useAnswer(() => answer(api.cameras.$get({ query: { limit: '1000' } })), []);
  const known = cameras.data?.cameras.map(({ name, location }) => [name, location] as const) ?? [];
  // That of the bridge is there even before the cameras have come.
  const own = known.some(([name]) => name === bridge?.camera) ? null : bridge?.camera;
  return (
    <ChoiceField
      label="Camera"
      name="camera"
      value={bridge?.camera}
      options={[['', 'None'], ...(own ? [[own, own] as const] : []), ...known]}
      hint="Of photos whose message names none."
    />
  );
};

const cameraOf = (fields: Fields, bridge: Bridge | undefined) => {
  const camera = fields.text('camera') || null;
  return camera === (bridge?.camera ?? null) ? {} : { camera };
};

const CredentialFields = ({ bridge, hasToken }: { bridge: Bridge | undefined; hasToken: boolean }) => (
  <>
    <TextField
      label="User"
      name="username"
      autoComplete="off"
      maxLength={2000}
      hint={
        bridge?.has_credentials ? 'Empty: user and password as they were.' : 'If the broker asks for one.'
      }
    />
    <TextField
      label="Password"
      name="password"
      type="password"
      autoComplete="off"
      maxLength={2000}
      hint={kept}
    />
    {hasToken && (
      <TextField
        label="Token"
        name="token"
        type="password"
        autoComplete="off"
        maxLength={2000}
        hint="In place of user and password."
      />
    )}
    {bridge?.has_credentials && <CheckField label="No credentials any more" name="no_credentials" />}
  </>
);

const kept = 'It is stored and never shown again. For another broker it is asked for again.';

const credentialsOf = (fields: Fields) => {
  if (fields.isChecked('no_credentials')) return { credentials: null };
  const given = ['username', 'password', 'token'].flatMap((field) =>
    fields.text(field) === '' ? [] : [[field, fields.text(field)] as const],
  );
  return given.length > 0 ? { credentials: Object.fromEntries(given) } : {};
};
