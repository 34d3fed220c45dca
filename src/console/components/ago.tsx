import { signal } from '@preact/signals';

const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 5_000);

const units = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const absolute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const today = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** How long ago something was, in words: "3 min. ago". */
const agoInWords = (time: string | Date, from = Date.now()): string => {
  const seconds = Math.round((new Date(time).getTime() - from) / 1000);
  if (Math.abs(seconds) < 10) return 'just now';
  for (const [unit, size] of units)
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return relative.format(seconds, 'second');
};

/** A time of the clock, with its date if it is not of today. */
export const clock = (time: string | Date): string => {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? today : absolute).format(date);
};

/** How long ago something was; the time itself shows when the pointer rests on it. It keeps up by itself. */
export const Ago = ({ time }: { time: string | Date }) => (
  <time dateTime={new Date(time).toISOString()} title={absolute.format(new Date(time))}>
    {agoInWords(time, Math.max(now.value, Date.now()))}
  </time>
);
