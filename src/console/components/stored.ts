import { effect, type Signal, signal } from '@preact/signals';

/** A choice of this browser that outlives the page: a signal that is kept in its storage. */
export const stored = <T>(name: string, fallback: T): Signal<T> => {
  const key = `watchpost.${name}`;
  let first = fallback;
  try {
    const kept = localStorage.getItem(key);
    if (kept !== null) first = JSON.parse(kept);
  } catch {
    // Storage that is switched off, or was written by something else: the choice lasts as long as the page.
  }
  const value = signal(first);
  effect(() => {
    try {
      localStorage.setItem(key, JSON.stringify(value.value));
    } catch {}
  });
  return value;
};
