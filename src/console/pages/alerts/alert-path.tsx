import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { PathList, PlanPath } from '../../components/plan-path.tsx';
import type { AlertReport } from './reviews.ts';

/** Half a day before and after the alert: what a path says that is longer is on the person's page. */
const around = 12 * 3600 * 1000;

/** Where the person was seen around the time of the alert, on plans as far as their cameras are placed, and in words. */
export const AlertPath = ({ alert }: { alert: AlertReport }) => {
  const { data } = useAnswer(async () => {
    const at = (time: string, by: number) => new Date(new Date(time).getTime() + by).toISOString();
    const [{ stays }, { plans }] = await Promise.all([
      answer(
        api.persons[':id'].path.$get({
          param: { id: alert.person_id },
          query: { since: at(alert.first_seen, -around), until: at(alert.last_seen, around), limit: '50' },
        }),
      ),
      answer(api.plans.$get({ query: { limit: '200' } })),
    ]);
    return { stays, plans: plans.filter(({ id }) => stays.some(({ plan }) => plan?.id === id)) };
  }, [alert.id, alert.last_seen]);
  if (!data || (data.stays.length < 2 && data.plans.length === 0)) return null;
  return (
    <section>
      <h3>Path</h3>
      <div class="alert-path">
        {data.plans.map((plan) => (
          <PlanPath key={plan.id} plan={plan} stays={data.stays} />
        ))}
        <PathList stays={data.stays} />
      </div>
    </section>
  );
};
