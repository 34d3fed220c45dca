import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

/**
 * A labelled control with a hint and an error, tied together for screen readers:
 * `<Field label="Name">{(control) => <input {...control} value={name} onInput={…} />}</Field>`.
 */
export const Field = ({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  children: (control: {
    id: string;
    'aria-describedby': string | undefined;
    'aria-invalid': 'true' | undefined;
  }) => JSX.Element;
}) => {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? 'true' : undefined })}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
};

/** A note on what is done, which is kept on record. */
export const NoteField = ({
  label = 'Note',
  value,
  onChange,
}: {
  readonly label?: string;
  readonly value: string;
  readonly onChange: (note: string) => void;
}) => (
  <Field label={label} hint="It is kept on record with your name.">
    {(control) => (
      <textarea
        {...control}
        rows={2}
        maxLength={2000}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    )}
  </Field>
);
