import { effect } from '@preact/signals';
import { stored } from './stored.ts';

/** Light, dark, or as the system has it. */
export const theme = stored<'system' | 'light' | 'dark'>('theme', 'system');

/** Applies the choice to the page, now and whenever it changes. */
export const followTheme = (): void => {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
};

/** The next of the three choices. */
export const nextTheme = (): void => {
  theme.value = theme.value === 'system' ? 'light' : theme.value === 'light' ? 'dark' : 'system';
};
