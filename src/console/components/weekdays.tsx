import { type Fields, ManyField } from './form.tsx';

/** By their numbers from 1 on. */
const names = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

const options = names.map((day, index) => [String(index + 1), day] as const);

/** Days of the week, each a box. */
export const WeekdaysField = ({
  days,
  ...field
}: {
  label: string;
  hint?: string;
  days: readonly number[];
}) => <ManyField {...field} name="days" values={days.map(String)} options={options} />;

/** The days that are checked, 1 is Monday. */
export const weekdaysOf = (fields: Fields): number[] => fields.all('days').map(Number);

/** As in "Sat, Sun". */
export const shortWeekdays = (days: readonly number[]): string =>
  days.map((day) => names[day - 1]?.slice(0, 3)).join(', ');
