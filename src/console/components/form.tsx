import type { ComponentChildren } from 'preact';
import { useWork } from '../api/use-work.ts';
import { Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { ProblemNote } from './problem.tsx';

/**
 * A form in a dialog. It is closed by whoever renders it once `onSave` resolves; what that throws is shown above the buttons.
 *
 * @param go the words on the button: a verb, as "Add".
 * @param onSave gets the fields by their names.
 */
export const FormDialog = ({
  title,
  go,
  size = 'normal',
  onSave,
  onClose,
  children,
}: {
  title: string;
  go: string;
  size?: 'normal' | 'wide';
  onSave: (fields: Fields) => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}) => {
  const { problem, isBusy, run } = useWork();
  return (
    <Dialog title={title} size={size} onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = fieldsOf(event.currentTarget);
          run(() => onSave(fields));
        }}
      >
        {children}
        <ProblemNote problem={problem} />
        <div class="actions end">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy}>
            {go}
          </button>
        </div>
      </form>
    </Dialog>
  );
};

/** What was entered into a form. */
export interface Fields {
  /** Without spaces around it; empty if nothing was entered. */
  text(name: string): string;
  /** Null if nothing was entered. */
  number(name: string): number | null;
  isChecked(name: string): boolean;
  /** The values of all checked boxes of the name. */
  all(name: string): string[];
}

const fieldsOf = (form: HTMLFormElement): Fields => {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? '').trim();
  return {
    text,
    number: (name) => (text(name) === '' ? null : Number(text(name))),
    isChecked: (name) => data.has(name),
    all: (name) => data.getAll(name).map(String),
  };
};

interface Named {
  readonly label: string;
  readonly name: string;
  readonly hint?: ComponentChildren;
}

/** A line of text, a number or a date. */
export const TextField = ({
  label,
  name,
  hint,
  value,
  ...input
}: Named & {
  value?: string | number | null | undefined;
  type?: 'text' | 'number' | 'date' | 'url' | 'time' | 'password';
  required?: boolean;
  maxLength?: number;
  min?: number;
  max?: number;
  step?: number;
  placeholder?: string;
  autoComplete?: string;
}) => {
  // The types of Preact are one for each type of input.
  const attributes: object = input;
  return (
    <Field label={label} hint={hint}>
      {(control) => <input {...control} {...attributes} name={name} defaultValue={String(value ?? '')} />}
    </Field>
  );
};

/** One of several. */
export const ChoiceField = ({
  label,
  name,
  hint,
  value,
  options,
}: Named & { value?: string | null | undefined; options: readonly (readonly [string, string])[] }) => (
  <Field label={label} hint={hint}>
    {(control) => (
      <select {...control} name={name}>
        {options.map(([each, words]) => (
          <option key={each} value={each} selected={each === value}>
            {words}
          </option>
        ))}
      </select>
    )}
  </Field>
);

/** Yes or no. */
export const CheckField = ({
  label,
  name,
  hint,
  checked = false,
  value,
}: Named & { checked?: boolean; value?: string }) => (
  <div class="field">
    <label class="check">
      <input type="checkbox" name={name} defaultChecked={checked} {...(value ? { value } : {})} />
      {label}
    </label>
    {hint && <p class="hint">{hint}</p>}
  </div>
);

/** Any of several, each a box. */
export const ManyField = ({
  label,
  name,
  hint,
  values,
  options,
}: Named & { values: readonly string[]; options: readonly (readonly [string, string])[] }) => (
  <fieldset class="many">
    <legend>{label}</legend>
    {hint && <p class="hint">{hint}</p>}
    <div class="many-boxes">
      {options.map(([each, words]) => (
        <CheckField key={each} label={words} name={name} value={each} checked={values.includes(each)} />
      ))}
      {options.length === 0 && <p class="faint">None yet</p>}
    </div>
  </fieldset>
);
