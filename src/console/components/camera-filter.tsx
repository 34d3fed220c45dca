import { answer, api } from '../api/client.ts';
import { useAnswer } from '../api/use-answer.ts';
import { ChoiceFilter } from './filters.tsx';

/** One camera by its location, or all of them. */
export const CameraFilter = ({
  camera,
  onChange,
}: {
  /** Its id; empty: all. */
  readonly camera: string;
  readonly onChange: (camera: string) => void;
}) => {
  const { data } = useAnswer(() => answer(api.cameras.$get({ query: { limit: '500' } })), []);
  return (
    <ChoiceFilter
      label="Camera"
      all="All cameras"
      value={camera}
      options={data?.cameras.map(({ id, location }) => ({ value: id, title: location }))}
      onChange={onChange}
    />
  );
};
