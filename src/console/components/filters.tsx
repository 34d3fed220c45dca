/** One of several, or all of them. */
export const ChoiceFilter = ({
  label,
  all,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  /** What the choice of all is called. */
  readonly all: string;
  /** Empty: all. */
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly title: string }[] | undefined;
  readonly onChange: (value: string) => void;
}) => (
  <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
    <option value="">{all}</option>
    {options?.map((option) => (
      <option key={option.value} value={option.value}>
        {option.title}
      </option>
    ))}
  </select>
);

/** A day, of the first or the last of a period; empty: no bound. */
export const DateFilter = ({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (day: string) => void;
}) => (
  <label>
    {label}
    <input type="date" value={value} onChange={(event) => onChange(event.currentTarget.value)} />
  </label>
);
