// A program of somebody who has installed the client. It is compiled by run.ts, outside of this project.
import { createClient } from 'watchpost-client';

const client = createClient({ url: 'http://127.0.0.1:3000', key: 'a key' });
const query = { state: 'open', min_severity: 'warning' } as const;

export const openAlerts = async (): Promise<string[]> => {
  const answer = await client.v1.alerts.$get({ query });
  if (!answer.ok) return [];
  const { alerts } = await answer.json();
  return alerts.map(({ person, camera, last_seen }) => {
    const where: string | null = camera;
    const text: string = `${person} ${last_seen}`;
    return where === null ? text : `${text} ${where}`;
  });
};

export const topics = async (): Promise<string[]> => {
  const answer = await client.v1.events.$get({ query: { person: '01890000-0000-7000-8000-000000000000' } });
  return answer.ok ? (await answer.json()).events.map(({ topic }) => topic) : [];
};

export const limited = async (id: string): Promise<number | null> => {
  const answer = await client.v1.keys[':id'].$patch({ param: { id }, json: { rate_per_minute: 60 } });
  return answer.ok ? (await answer.json()).rate_per_minute : null;
};

// @ts-expect-error: there is no such state.
export const refused = () => client.v1.alerts.$get({ query: { state: 'opened' } });

console.log(client.v1.alerts.$url({ query }).href);
