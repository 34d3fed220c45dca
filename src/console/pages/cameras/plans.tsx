import { useState } from 'preact/hooks';
import { send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { useWork } from '../../api/use-work.ts';
import { confirm } from '../../components/confirm.tsx';
import { Field } from '../../components/field.tsx';
import { PhotoDrop } from '../../components/photo-drop.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { PlanPicture } from './plan-picture.tsx';
import type { Plan } from './types.ts';

/** Floor plans and maps with the cameras on them, and where one is added. */
export const Plans = ({ plans, onChange }: { plans: readonly Plan[]; onChange: () => void }) => {
  if (plans.length === 0 && !may('administer')) return null;
  return (
    <section class="part">
      <h2>Plans</h2>
      <ul class="plans">
        {plans.map((plan) => (
          <li key={plan.id} class="card plan-card">
            <PlanPicture plan={plan} marks={plan.cameras} />
            <PlanWords plan={plan} onChange={onChange} />
          </li>
        ))}
        <Scoped scope="administer">
          <li class="card">
            <AddPlan onAdded={onChange} />
          </li>
        </Scoped>
      </ul>
    </section>
  );
};

const PlanWords = ({ plan, onChange }: { plan: Plan; onChange: () => void }) => {
  const remove = async () => {
    const yes = await confirm({
      title: `Remove the plan ${plan.name}?`,
      text: 'The cameras on it are then on none.',
      go: 'Remove',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/plans/${plan.id}`);
      say(`The plan ${plan.name} is removed.`);
      onChange();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <div class="part-head">
      <p>
        <strong>{plan.name}</strong>{' '}
        <span class="faint">
          {plan.cameras.length === 1 ? '1 camera' : `${plan.cameras.length} cameras`} · {plan.site}
        </span>
      </p>
      <Scoped scope="administer">
        <button type="button" class="button danger" onClick={() => void remove()}>
          Remove<span class="visually-hidden"> {plan.name}</span>
        </button>
      </Scoped>
    </div>
  );
};

const AddPlan = ({ onAdded }: { onAdded: () => void }) => {
  const [name, setName] = useState('');
  const { problem, isBusy, run } = useWork();
  const add = (file: File | undefined) =>
    run(async () => {
      if (!file) return;
      const form = new FormData();
      form.append('image', file);
      form.append('name', name.trim());
      await send('POST', '/v1/plans', form);
      say(`The plan ${name.trim()} is added. Place cameras on it by “Change”.`);
      setName('');
      onAdded();
    });
  return (
    <div class="form">
      <Field label="New plan" hint="A floor plan or a map, as a picture.">
        {(control) => (
          <input
            {...control}
            maxLength={200}
            placeholder="Ground floor"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      <PhotoDrop
        label={name.trim() ? `Drop the picture of ${name.trim()}` : 'Give the name first'}
        disabled={isBusy || !name.trim()}
        onPhotos={([file]) => add(file)}
      />
      <ProblemNote problem={problem} />
    </div>
  );
};
