import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { answer, api } from '../api/client.ts';
import { type Alert, useAlerts } from '../api/live.ts';
import { announce } from './announcer.tsx';
import { placeOf } from './place.ts';
import { play, soundIsOn } from './sounds.ts';
import { stored } from './stored.ts';

/** Whether the browser shows a notification of each alert. */
export const notificationsAreOn = stored('notifications', false);

/** Alerts that were raised since the page was opened, which lists show as new. */
export const newAlerts = signal<ReadonlySet<string>>(new Set());

/** Asks the browser for permission; whether it was given. */
export const wantNotifications = async (): Promise<boolean> => {
  notificationsAreOn.value = (await Notification.requestPermission()) === 'granted';
  return notificationsAreOn.value;
};

/** Seconds between two sounds while an alert waits that somebody has to acknowledge. */
const repeatEvery = 15;

/** Makes alerts heard and seen, on whatever page one is; once, in the layout. */
export const AlertHost = () => {
  useAlerts((alert) => {
    announce(`Alert: ${alert.person}, ${placeOf(alert)}.`);
    newAlerts.value = new Set([...newAlerts.value, alert.id]);
    if (soundIsOn.value) play(alert.sound);
    if (notificationsAreOn.value && Notification.permission === 'granted') notify(alert);
  });
  useEffect(() => {
    const timer = setInterval(() => {
      if (soundIsOn.value) void playForWaiting();
    }, repeatEvery * 1000);
    return () => clearInterval(timer);
  }, []);
  return null;
};

const notify = (alert: Alert): void => {
  const notification = new Notification(alert.person, {
    body: `${placeOf(alert)} · ${alert.watchlist}`,
    tag: alert.id,
    icon: '/console/icon.svg',
  });
  notification.onclick = () => {
    window.focus();
    location.href = `/console/alerts/${alert.id}`;
  };
};

const playForWaiting = async (): Promise<void> => {
  const query = { state: 'open', must_acknowledge: 'true', limit: '1' } as const;
  const { alerts } = await answer(api.alerts.$get({ query })).catch(() => ({ alerts: [] }));
  if (alerts[0]) play(alerts[0].sound);
};
