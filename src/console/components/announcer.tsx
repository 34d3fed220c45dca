import { signal } from '@preact/signals';

const news = signal('');

/** Has a screen reader say something when it has finished its sentence, as that an alert was raised. Nobody sees it. */
export const announce = (text: string): void => {
  news.value = text;
};

/** Where announcements are read from; once, in the layout. */
export const Announcer = () => (
  <p class="visually-hidden" role="status" data-announcer="">
    {news.value}
  </p>
);
